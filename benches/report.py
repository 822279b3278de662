"""What was measured, as a table of ratios (Markdown) and a chart (SVG)."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import chart

WORKLOADS = {"w1": "on for all", "w2": "1 000 ids", "w3": "50 %", "w4": "3 conditions, 25 %", "w5": "50 flags"}
TITLES = {"python": "Python", "node": "Node", "rust": "Rust"}
#: Which of our rows stands for us in the ratios of contexts made beforehand and of contexts made in the call.
OURS = {
    ("python", "ev"): "jackstaff", ("python", "e2e"): "jackstaff-id",
    ("node", "ev"): "jackstaff", ("node", "e2e"): "jackstaff",
    ("rust", "ev"): "jackstaff", ("rust", "e2e"): "jackstaff",
}  # fmt: skip


def shown(ns: float | None) -> str:
    """A time as a person reads it."""
    if ns is None:
        return "–"
    for unit, scale in (("ns", 1.0), ("µs", 1e3), ("ms", 1e6)):
        if ns < 999.5 * scale or unit == "ms":
            value = ns / scale
            return f"{value:.0f} {unit}" if value >= 99.5 or unit == "ns" else f"{value:.1f} {unit}"
    raise AssertionError("every number has a unit")


def cell(row: dict[str, Any], workload: str, way: str) -> float | None:
    found = row["results"].get(workload, {}).get(way)
    return None if found is None else float(found["cpu_min_ns"])


def best_rival(rows: list[dict[str, Any]], workload: str, way: str) -> tuple[float, str] | None:
    found = [(ns, row["peer"]) for row in rows if not row["peer"].startswith("jackstaff") and (ns := cell(row, workload, way)) is not None]
    return min(found) if found else None


def cells(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry a language, way and workload: we, the best rival, and how many times as fast we are."""
    made = []
    for (lang, way), ours in OURS.items():
        of_lang = [row for row in rows if row["lang"] == lang and "w1" in row["results"]]
        us = next((row for row in of_lang if row["peer"] == ours), None)
        for workload in WORKLOADS:
            rival = best_rival(of_lang, workload, way)
            mine = cell(us, workload, way) if us else None
            if mine and rival:
                made.append(
                    {"lang": lang, "way": way, "workload": workload, "ours": mine, "rival": rival[0], "name": rival[1], "ratio": rival[0] / mine}
                )
    return made


def ratios(found: list[dict[str, Any]]) -> list[str]:
    lines = ["| | " + " | ".join(WORKLOADS.values()) + " |", "|---|" + "---|" * len(WORKLOADS)]
    for lang, way in OURS:
        mine = {one["workload"]: one for one in found if (one["lang"], one["way"]) == (lang, way)}
        if not mine:
            continue
        texts = [
            f"**{one['ratio']:.1f}×** {shown(one['ours'])}, {one['name']} {shown(one['rival'])}" if (one := mine.get(workload)) else "–"
            for workload in WORKLOADS
        ]
        lines.append(f"| {TITLES[lang]}, context made {'before' if way == 'ev' else 'in the call'} | " + " | ".join(texts) + " |")
    return lines


def every(rows: list[dict[str, Any]], lang: str) -> list[str]:
    """All engines of a language."""
    lines = ["| engine | version | " + " | ".join(f"{title}" for title in WORKLOADS.values()) + " | trues | 10 000 flags: load, memory |"]
    lines.append("|---|---|" + "---|" * (len(WORKLOADS) + 2))
    for row in sorted(rows, key=lambda row: cell(row, "w4", "ev") or 9e99):
        texts = [f"{shown(cell(row, workload, 'ev'))} ({shown(cell(row, workload, 'e2e'))})" for workload in WORKLOADS]
        trues = " ".join(str(row["results"][workload]["trues"]) for workload in WORKLOADS if workload in row["results"])
        big = row["results"].get("w6", {})
        load = f"{big['load_cpu_ms']:.0f} ms, {big['rss_mb']:.0f} MB" if "load_cpu_ms" in big else "–"
        lines.append(f"| {row['peer']} | {row['version']} | " + " | ".join(texts) + f" | {trues} | {load} |")
    return lines


#: What each layer is called, and under which name the clients give it.
LAYERS = {"hit": "cached", "batch": "50 flags, cached", "shared": "in Redis alone", "miss": "nowhere: the service"}


def guide(rows: list[dict[str, Any]]) -> list[str]:
    """Each layer of each client: how long a check takes in the mean, by its quantiles, and how many a second that is."""
    lines = ["| client | answer | a check | CPU | p50 | p99 | p99.9 | a second |", "|---|---|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: (row["lang"], row["peer"])):
        for name, title in LAYERS.items():
            if not (found := row["results"].get(name)):
                continue
            texts = [shown(found[each]) if each in found else "–" for each in ("min_ns", "cpu_min_ns", "p50_ns", "p99_ns", "p999_ns")]
            lines.append(f"| {row['peer']}, {TITLES[row['lang']]} | {title} | " + " | ".join(texts) + f" | {1e9 / found['min_ns']:,.0f} |")
    memory = [f"{TITLES[row['lang']]} {found['bytes_an_answer']:.0f}" for row in rows if (found := row["results"].get("memory"))]
    if memory:
        lines += ["", f"Bytes of the process for one more cached answer: {', '.join(memory)}."]
    return lines


def write(rows: list[dict[str, Any]], folder: Path) -> None:
    """Writes all.json, table.md and chart.svg."""
    found = cells(rows)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    made = {"made": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine, "cells": found, "rows": rows}
    (folder / "all.json").write_text(json.dumps(made, indent=1) + "\n")
    lines = [f"Made {made['made']} by `benches/run.py` on {machine}. CPU time of the thread that asks, the least of all blocks; how many times"]
    lines += ["as fast as the best rival of the cell we are, our time, and who that rival is.", "", *ratios(found)]
    for lang, title in TITLES.items():
        if of_lang := [row for row in rows if row["lang"] == lang and "w1" in row["results"]]:
            lines += ["", f"### {title}: a context made before (in the call)", "", *every(of_lang, lang)]
    if with_servers := [row for row in rows if "hit" in row["results"]]:
        lines += ["", "### The guide's clients beside ours, with Valkey and the service: wall time (CPU of the client)", "", *guide(with_servers)]
    (folder / "table.md").write_text("\n".join(lines) + "\n")
    (folder / "chart.svg").write_text(chart.draw([one for one in found if one["way"] == "ev"], WORKLOADS, TITLES))
