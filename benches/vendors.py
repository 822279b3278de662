"""The same flags in the format of each rival, as its documentation has it; one function a format.

`flags` is the list that `flagset.py` makes: dicts with a `key`, a `kind` (on, off, targeted, rollout, rules) and what the kind needs.
"""

from __future__ import annotations

import hashlib
import json

COUNTRIES = ["US", "CA", "GB", "DE", "FR"]
MIN_VERSION = "2.3.0"


def r_jackstaff(flags):
    """A ruleset as the config service sends it to clients."""
    fs = {}
    for f in flags:
        k = f["kind"]
        rules = []
        if k == "rules":
            rules = [{"when": [{"attribute": "country", "in": COUNTRIES}, {"attribute": "plan", "equals": "pro"},
                               {"attribute": "appVersion", "version_at_least": MIN_VERSION}], "percentage": f["pct"]}]
        elif k == "rollout":
            rules = [{"percentage": f["pct"]}]
        doc = {"type": "boolean", "enabled": k != "off", "fallthrough": "on" if k == "on" else "off", "rules": rules,
               "targets": {"on": f["ids"]} if k == "targeted" else {}}
        fs[f["key"]] = {"version": 1, "doc": doc}
    return {"environment": "development", "epoch": "bench", "version": 1, "flags": fs, "segments": {}}


def r_unleash(flags):
    fs = []
    for f in flags:
        k = f["kind"]
        st = [{"name": "default", "parameters": {}, "constraints": []}]
        if k == "targeted":
            st = [{"name": "default", "parameters": {}, "constraints": [
                {"contextName": "userId", "operator": "IN", "values": f["ids"]}]}]
        elif k == "rollout":
            st = [{"name": "flexibleRollout", "constraints": [], "parameters": {
                "rollout": str(f["pct"]), "stickiness": "userId", "groupId": f["key"]}}]
        elif k == "rules":
            st = [{"name": "flexibleRollout", "parameters": {
                "rollout": str(f["pct"]), "stickiness": "userId", "groupId": f["key"]},
                "constraints": [
                    {"contextName": "country", "operator": "IN", "values": COUNTRIES},
                    {"contextName": "plan", "operator": "IN", "values": ["pro"]},
                    {"contextName": "appVersion", "operator": "SEMVER_LT", "value": MIN_VERSION, "inverted": True}]}]
        fs.append({"name": f["key"], "type": "release", "enabled": k != "off", "project": "default",
                   "stale": False, "impressionData": False, "strategies": st, "variants": []})
    return {"version": 2, "features": fs, "segments": []}


def r_launchdarkly(flags):
    fs = {}
    for f in flags:
        k = f["kind"]
        d = {"key": f["key"], "version": 1, "on": k != "off", "variations": [True, False],
             "offVariation": 1, "fallthrough": {"variation": 1}, "targets": [], "rules": [],
             "prerequisites": [], "salt": f["key"], "trackEvents": False,
             "clientSide": False}
        ro = {"variations": [{"variation": 0, "weight": f.get("pct", 0) * 1000},
                             {"variation": 1, "weight": 100000 - f.get("pct", 0) * 1000}]}
        if k == "on":
            d["fallthrough"] = {"variation": 0}
        elif k == "targeted":
            d["targets"] = [{"variation": 0, "values": f["ids"]}]
        elif k == "rollout":
            d["fallthrough"] = {"rollout": ro}
        elif k == "rules":
            d["rules"] = [{"id": "r1", "trackEvents": False, "rollout": ro, "clauses": [
                {"attribute": "country", "op": "in", "values": COUNTRIES, "negate": False},
                {"attribute": "plan", "op": "in", "values": ["pro"], "negate": False},
                {"attribute": "appVersion", "op": "semVerLessThan", "values": [MIN_VERSION], "negate": True}]}]
        fs[f["key"]] = d
    return {"flags": fs, "segments": {}}


def r_statsig(flags):
    conds, gates = {}, {}

    def cond(typ, op, field, target):
        c = {"type": typ, "targetValue": target, "operator": op, "field": field,
             "additionalValues": {}, "idType": "userID"}
        h = str(int(hashlib.sha1(json.dumps(c).encode()).hexdigest()[:8], 16))  # one entry for equal conditions
        conds[h] = c
        return h
    public = cond("public", None, None, None)
    for f in flags:
        k = f["kind"]
        cs, pct = [public], 100
        if k == "targeted":
            cs = [cond("user_field", "any", "userID", f["ids"])]
        elif k == "rollout":
            pct = f["pct"]
        elif k == "rules":
            pct = f["pct"]
            cs = [cond("user_field", "any", "country", COUNTRIES),
                  cond("user_field", "any", "plan", ["pro"]),
                  cond("user_field", "version_gte", "appVersion", MIN_VERSION)]
        gates[f["key"]] = {
            "type": "feature_gate", "salt": "salt-" + f["key"], "enabled": k != "off", "defaultValue": False,
            # the engine ignores "enabled" for the value; the real backend ships disabled gates without rules
            "rules": [] if k == "off" else [{"name": "r1", "passPercentage": pct, "conditions": cs, "returnValue": True,
                       "id": "r1-" + f["key"], "salt": "rs-" + f["key"], "idType": "userID"}],
            "idType": "userID", "entity": "feature_gate", "version": 1}
    return {"dynamic_configs": {}, "feature_gates": gates, "experiment_to_layer": {}, "layer_configs": {},
            "layers": {}, "has_updates": True, "time": 1767981029384, "company_id": "bench",
            "condition_map": conds, "response_format": "dcs-v2", "param_stores": {},
            "diagnostics": {}, "sdk_configs": {}, "sdk_flags": {}, "id_lists": {}}


def r_growthbook(flags):
    fs = {}
    for f in flags:
        k = f["kind"]
        d = {"defaultValue": k == "on"}
        if k == "targeted":
            d["rules"] = [{"condition": {"id": {"$in": f["ids"]}}, "force": True}]
        elif k == "rollout":
            d["rules"] = [{"force": True, "coverage": f["pct"] / 100, "hashAttribute": "id", "seed": f["key"]}]
        elif k == "rules":
            d["rules"] = [{"condition": {"country": {"$in": COUNTRIES}, "plan": "pro",
                                         "appVersion": {"$vgte": MIN_VERSION}},
                           "force": True, "coverage": f["pct"] / 100, "hashAttribute": "id", "seed": f["key"]}]
        fs[f["key"]] = d
    return {"features": fs}


def r_eppo(flags):
    fs = {}
    for f in flags:
        k = f["kind"]
        pct = f.get("pct", 100)
        shards = [] if pct == 100 else [{"salt": f["key"], "ranges": [{"start": 0, "end": pct * 100}]}]
        rules = []
        if k == "targeted":
            rules = [{"conditions": [{"attribute": "id", "operator": "ONE_OF", "value": f["ids"]}]}]
        elif k == "rules":
            rules = [{"conditions": [
                {"attribute": "country", "operator": "ONE_OF", "value": COUNTRIES},
                {"attribute": "plan", "operator": "ONE_OF", "value": ["pro"]},
                {"attribute": "appVersion", "operator": "GTE", "value": MIN_VERSION}]}]
        fs[f["key"]] = {
            "key": f["key"], "enabled": k != "off", "variationType": "BOOLEAN",
            "variations": {"on": {"key": "on", "value": True}, "off": {"key": "off", "value": False}},
            "allocations": [{"key": "a1", "rules": rules,
                             "splits": [{"variationKey": "on", "shards": shards}], "doLog": False}],
            "totalShards": 10000}
    return {"createdAt": "2026-01-01T00:00:00.000Z", "format": "SERVER",
            "environment": {"name": "bench"}, "flags": fs}


def r_flagd(flags):
    fs = {}
    for f in flags:
        k = f["kind"]
        d = {"state": "ENABLED" if k != "off" else "DISABLED",
             "variants": {"on": True, "off": False}, "defaultVariant": "on" if k == "on" else "off"}
        pct = f.get("pct", 0)
        frac = {"fractional": [["on", pct], ["off", 100 - pct]]}
        if k == "targeted":
            d["targeting"] = {"if": [{"in": [{"var": "targetingKey"}, f["ids"]]}, "on", "off"]}
        elif k == "rollout":
            d["targeting"] = frac
        elif k == "rules":
            d["targeting"] = {"if": [{"and": [
                {"in": [{"var": "country"}, COUNTRIES]},
                {"==": [{"var": "plan"}, "pro"]},
                {"sem_ver": [{"var": "appVersion"}, ">=", MIN_VERSION]}]}, frac, "off"]}
        fs[f["key"]] = d
    return {"flags": fs}


def r_flipt(flags):
    """Flipt engine snapshot (base64 of its Snapshot JSON). No semver operator exists, so the
    version condition is a NUMBER comparison on a precomputed integer (cheaper: favours Flipt).
    A boolean flag cannot AND a segment with a percentage, so 'rules' is a VARIANT flag
    (segment + 25/75 distribution)."""
    ns = {"key": "default", "flags": {}, "eval_rules": {}, "eval_rollouts": {}, "eval_distributions": {}}

    def c(t, p, op, v):
        return {"type": t + "_CONSTRAINT_COMPARISON_TYPE", "property": p, "operator": op, "value": v}

    def seg(key, cs):
        return {key: {"segment_key": key, "match_type": "ALL_SEGMENT_MATCH_TYPE", "constraints": cs}}
    for f in flags:
        k, key = f["kind"], f["key"]
        typ = "VARIANT_FLAG_TYPE" if k == "rules" else "BOOLEAN_FLAG_TYPE"
        ns["flags"][key] = {"key": key, "enabled": k == "on" or k == "rules", "type": typ}
        ns["eval_rules"][key], ns["eval_rollouts"][key] = [], []
        if k == "targeted":
            ns["eval_rollouts"][key] = [{"rollout_type": "SEGMENT_ROLLOUT_TYPE", "rank": 1, "segment": {
                "value": True, "segment_operator": "OR_SEGMENT_OPERATOR",
                "segments": seg("s", [c("ENTITY_ID", "entityId", "isoneof", json.dumps(f["ids"]))])}}]
        elif k == "rollout":
            ns["eval_rollouts"][key] = [{"rollout_type": "THRESHOLD_ROLLOUT_TYPE", "rank": 1,
                                         "threshold": {"percentage": float(f["pct"]), "value": True}}]
        elif k == "rules":
            rid = key + "-1"
            ns["eval_rules"][key] = [{"id": rid, "flag_key": key, "rank": 1,
                                      "segment_operator": "AND_SEGMENT_OPERATOR", "segments": seg("s", [
                                          c("STRING", "country", "isoneof", json.dumps(COUNTRIES)),
                                          c("STRING", "plan", "eq", "pro"),
                                          c("NUMBER", "app_version_num", "gte", "20300")])}]
            ns["eval_distributions"][rid] = [
                {"rule_id": rid, "rollout": float(f["pct"]), "variant_key": "on"},
                {"rule_id": rid, "rollout": float(100 - f["pct"]), "variant_key": "off"}]
    return {"version": 1, "namespace": ns}


def r_flagsmith(flags):
    """Evaluation context shared by flagsmith-flag-engine. One segment per conditional feature."""
    feats, segs = {}, {}
    for i, f in enumerate(flags):
        k, key = f["kind"], f["key"]
        feats[key] = {"key": str(i + 1), "name": key, "enabled": k == "on", "value": None, "priority": 0}
        if k in ("on", "off"):
            continue
        conds = []
        if k == "targeted":
            conds = [{"property": "$.identity.identifier", "operator": "IN", "value": f["ids"]}]
        if k == "rules":
            conds = [{"property": "country", "operator": "IN", "value": COUNTRIES},
                     {"property": "plan", "operator": "EQUAL", "value": "pro"},
                     {"property": "appVersion", "operator": "GREATER_THAN_INCLUSIVE", "value": MIN_VERSION + ":semver"}]
        if k in ("rollout", "rules"):
            conds.append({"property": "$.identity.key", "operator": "PERCENTAGE_SPLIT", "value": str(f["pct"])})
        segs["seg-" + key] = {"key": "seg-" + key, "name": "seg-" + key,
                              "rules": [{"type": "ALL", "conditions": conds, "rules": []}],
                              "overrides": [{"key": str(i + 1), "name": key, "enabled": True, "value": None, "priority": 1}]}
    return {"environment": {"key": "env", "name": "bench"}, "features": feats, "segments": segs}


def r_posthog(flags):
    fs = []
    for i, f in enumerate(flags):
        k = f["kind"]
        g = {"properties": [], "rollout_percentage": f.get("pct", 100)}
        if k == "targeted":
            g["properties"] = [{"key": "id", "operator": "exact", "value": f["ids"], "type": "person"}]
        elif k == "rules":
            g["properties"] = [{"key": "country", "operator": "exact", "value": COUNTRIES, "type": "person"},
                               {"key": "plan", "operator": "exact", "value": ["pro"], "type": "person"},
                               {"key": "appVersion", "operator": "semver_gte", "value": MIN_VERSION, "type": "person"}]
        fs.append({"id": i + 1, "key": f["key"], "name": f["key"], "active": k != "off", "is_simple_flag": True,
                   "filters": {"groups": [g]}})
    return {"flags": fs, "group_type_mapping": {}, "cohorts": {}}


RENDER = {"jackstaff": r_jackstaff, "unleash": r_unleash, "launchdarkly": r_launchdarkly, "statsig": r_statsig,
          "growthbook": r_growthbook, "eppo": r_eppo, "flagd": r_flagd, "flipt": r_flipt,
          "flagsmith": r_flagsmith, "posthog": r_posthog}
