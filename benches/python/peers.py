"""The rivals in Python, and us: how each is loaded, how its context is made, and the call that is measured.

All evaluate in process and offline, with events and metrics off. Expressions and not functions, so that no adapter's frame is in the
measured call: `measure.py` compiles loops from them.
"""

from __future__ import annotations

import json
import sys
import time


class Peer:
    """An engine. `load` reads the flags in a folder and puts the names that the expressions use into `ns`.

    `mk` makes the context of a user `u`; `ev` is true where `flag` is on for the context `c`; `ev_rules` replaces it for W4; `batch` counts
    the trues among the flags `ks`, where there is a call for it.
    """

    pkg = ""
    notes = ""
    mk = "u"
    ev = ""
    batch: str | None = None
    ns: dict

    def load(self, path):
        raise NotImplementedError

    def close(self):
        pass


class Jackstaff(Peer):
    pkg = "jackstaff"
    notes = "SyncFeatureFlagsClient.from_dict; a Context built once (e2e: in the loop); W5 batch_evaluate, a dict"
    mk = "Context(u['id'], {'country': u['country'], 'plan': u['plan'], 'appVersion': u['app_version']})"
    ev = "is_enabled(flag, c)"
    batch = "sum(batch(ks, c).values())"

    def load(self, path):
        from jackstaff import Context, SyncFeatureFlagsClient

        self.c = SyncFeatureFlagsClient.from_dict(json.load(open(path + "/jackstaff.json")))
        self.ns = {"is_enabled": self.c.is_enabled, "batch": self.c.batch_evaluate, "Context": Context}

    def close(self):
        self.c.close()


class JackstaffId(Jackstaff):
    notes = "the same, asked with a plain user id; where attributes are needed, with a dict of them in each call"
    mk = "u"
    ev = "is_enabled(flag, c['id'])"
    ev_rules = "is_enabled(flag, c['id'], context={'country': c['country'], 'plan': c['plan'], 'appVersion': c['app_version']})"
    batch = "sum(batch(ks, c['id'], context={'country': c['country'], 'plan': c['plan'], 'appVersion': c['app_version']}).values())"


class Unleash(Peer):
    pkg = "UnleashClient"
    notes = "FileCache-free in-memory BaseCache bootstrap, disable_metrics, disable_registration, no fetch; engine still counts toggles in-process; list membership = constraint userId IN"
    mk = "{'userId': u['id'], 'properties': {'country': u['country'], 'plan': u['plan'], 'appVersion': u['app_version']}}"
    ev = "is_enabled(flag, c)"
    def load(self, path):
        from UnleashClient import UnleashClient
        from UnleashClient.cache import BaseCache
        class Mem(BaseCache):
            def __init__(s): s.d = {}
            def set(s, k, v): s.d[k] = v
            def mset(s, d): s.d.update(d)
            def get(s, k, default=None): return s.d.get(k, default)
            def exists(s, k): return k in s.d
            def destroy(s): s.d = {}
        from UnleashClient.constants import FEATURES_URL
        cache = Mem()
        cache.set(FEATURES_URL, open(path + "/unleash.json").read())
        cache.bootstrapped = True
        self.c = UnleashClient(url="http://127.0.0.1:9", app_name="bench", cache=cache, disable_metrics=True,
                               disable_registration=True, refresh_interval=100000)
        self.c.initialize_client(fetch_toggles=False)
        self.ns = {"is_enabled": self.c.is_enabled}
    def close(self):
        self.c.destroy()


class UnleashEngineRaw(Peer):
    pkg = "yggdrasil-engine"
    notes = "yggdrasil engine alone (check_enabled: no metrics count), no SDK layer"
    mk = Unleash.mk
    ev = "check(flag, c).is_enabled"
    def load(self, path):
        from yggdrasil_engine.engine import UnleashEngine
        self.e = UnleashEngine()
        self.e.take_state(open(path + "/unleash.json").read())
        self.ns = {"check": self.e.check_enabled}


class LaunchDarkly(Peer):
    pkg = "launchdarkly-server-sdk"
    notes = "Files data source (PyYAML hidden so it uses json), send_events=False, diagnostics off"
    mk = "Ctx.builder(u['id']).set('country', u['country']).set('plan', u['plan']).set('appVersion', u['app_version']).build()"
    ev = "variation(flag, c, False)"
    def load(self, path):
        sys.modules.setdefault("yaml", None)  # with PyYAML importable the file source parses JSON through YAML (27 s for 10k flags)
        import ldclient
        from ldclient import Context
        from ldclient.config import Config
        from ldclient.integrations import Files
        cfg = Config("sdk-key", update_processor_class=Files.new_data_source(paths=[path + "/launchdarkly.json"], auto_update=False),
                     send_events=False, diagnostic_opt_out=True)
        self.c = ldclient.LDClient(cfg, start_wait=30)
        assert self.c.is_initialized()
        self.ns = {"variation": self.c.variation, "Ctx": Context}
    def close(self):
        self.c.close()


class Statsig(Peer):
    pkg = "statsig-python-core"
    notes = "DataStore returns the DCS json, disable_network, disable_all_logging, exposure logging disabled per call via FeatureGateEvaluationOptions"
    mk = "SU(user_id=u['id'], custom={'country': u['country'], 'plan': u['plan'], 'appVersion': u['app_version']})"
    ev = "check_gate(c, flag, opts)"
    def load(self, path):
        import statsig_python_core as S
        spec = open(path + "/statsig.json").read()
        class DS(S.DataStore):
            def get(s, key):
                return S.DataStoreResponse(result=spec, time=1767981029384)
        self.ds = DS()
        o = S.StatsigOptions(disable_network=True, disable_all_logging=True, data_store=self.ds, output_log_level="none",
                             disable_country_lookup=True, enable_id_lists=False)
        self.c = S.Statsig("secret-bench", o)
        self.c.initialize().wait()
        self.ns = {"check_gate": self.c.check_gate, "SU": S.StatsigUser,
                   "opts": S.FeatureGateEvaluationOptions(disable_exposure_logging=True)}
    def close(self):
        self.c.shutdown().wait()


class GrowthBookSync(Peer):
    pkg = "growthbook"
    notes = "one GrowthBook instance per user (documented per-request pattern) sharing pre-parsed Feature objects; no tracking callback"
    mk = "GB(attributes={'id': u['id'], 'country': u['country'], 'plan': u['plan'], 'appVersion': u['app_version']}, features=FEATS)"
    ev = "c.is_on(flag)"
    ctx_limit = 2000
    def load(self, path):
        from growthbook import GrowthBook, Feature
        raw = json.load(open(path + "/growthbook.json"))["features"]
        tmp = GrowthBook(features=raw)
        self.ns = {"GB": GrowthBook, "FEATS": dict(tmp.get_features())}


class GrowthBookShared(GrowthBookSync):
    notes = "one GrowthBook instance, set_attributes(user) then is_on (cheapest possible use; not concurrency-safe)"
    mk = "{'id': u['id'], 'country': u['country'], 'plan': u['plan'], 'appVersion': u['app_version']}"
    ev = "(sa(c), is_on(flag))[1]"
    ctx_limit = None
    def load(self, path):
        from growthbook import GrowthBook
        raw = json.load(open(path + "/growthbook.json"))["features"]
        self.gb = GrowthBook(features=raw)
        self.ns = {"sa": self.gb.set_attributes, "is_on": self.gb.is_on}


class Eppo(Peer):
    pkg = "eppo-server-sdk"
    notes = "initial_configuration, poll_interval None, doLog=false so no assignment events"
    mk = "(u['id'], {'country': u['country'], 'plan': u['plan'], 'appVersion': u['app_version']})"
    ev = "gba(flag, c[0], c[1], False)"
    def load(self, path):
        import eppo_client
        from eppo_client import ClientConfig, AssignmentLogger, Configuration
        cfg = Configuration(flags_configuration=open(path + "/eppo.json", "rb").read())
        self.c = eppo_client.init(ClientConfig(api_key="x", base_url="http://127.0.0.1:9/api", assignment_logger=AssignmentLogger(),
                                               poll_interval_seconds=None, initial_configuration=cfg, is_graceful_mode=False))
        self.ns = {"gba": self.c.get_boolean_assignment}
    def close(self):
        self.c.shutdown()


class Flipt(Peer):
    pkg = "flipt-client"
    notes = "snapshot option, unreachable url + error_strategy fallback, update_interval 1 day; no semver operator: integer compare; W4 uses evaluate_variant"
    mk = "(u['id'], {'country': u['country'], 'plan': u['plan'], 'app_version_num': str(u['app_version_num'])})"
    ev = "eb(flag, c[0], c[1]).enabled"
    ev_rules = "evar(flag, c[0], c[1]).variant_key == 'on'"
    batch = "sum([(r.boolean_evaluation_response.enabled if r.boolean_evaluation_response else r.variant_evaluation_response.variant_key == 'on') for r in ebatch([ER(flag_key=k, entity_id=c[0], context=c[1]) for k in ks]).responses])"
    def load(self, path):
        from datetime import timedelta
        from flipt_client import FliptClient
        from flipt_client.models import ClientOptions, ErrorStrategy, EvaluationRequest
        self.c = FliptClient(opts=ClientOptions(url="http://127.0.0.1:9", snapshot=open(path + "/flipt.b64").read(),
                             error_strategy=ErrorStrategy.FALLBACK, update_interval=timedelta(days=1), request_timeout=timedelta(seconds=1)))
        self.ns = {"eb": self.c.evaluate_boolean, "evar": self.c.evaluate_variant, "ebatch": self.c.evaluate_batch, "ER": EvaluationRequest}
    def close(self):
        self.c.close()


class FlagdCore(Peer):
    pkg = "openfeature-flagd-core"
    notes = "FlagdCore.set_flags (in-process evaluator, JSONLogic)"
    mk = "EC(targeting_key=u['id'], attributes={'country': u['country'], 'plan': u['plan'], 'appVersion': u['app_version']})"
    ev = "rb(flag, False, c).value"
    def load(self, path):
        from openfeature.contrib.tools.flagd.core import FlagdCore as FC
        from openfeature.evaluation_context import EvaluationContext
        self.c = FC()
        self.c.set_flags(open(path + "/flagd.json").read())
        self.ns = {"rb": self.c.resolve_boolean_value, "EC": EvaluationContext}


class FlagdOpenFeature(Peer):
    pkg = "openfeature-provider-flagd"
    notes = "OpenFeature client API over the flagd provider in FILE mode (what a user calls)"
    mk = FlagdCore.mk
    ev = "gbv(flag, False, c)"
    def load(self, path):
        from openfeature import api
        from openfeature.contrib.provider.flagd import FlagdProvider
        from openfeature.contrib.provider.flagd.config import ResolverType
        from openfeature.evaluation_context import EvaluationContext
        kw = dict(offline_flag_source_path=path + "/flagd.json")
        p = FlagdProvider(resolver_type=ResolverType.FILE, **kw)
        (getattr(api, "set_provider_and_wait", None) or api.set_provider)(p)
        self.c = api.get_client()
        t0 = time.time()
        while str(self.c.get_provider_status()).upper().find("READY") < 0 or "NOT" in str(self.c.get_provider_status()).upper():
            if time.time() - t0 > 30: raise RuntimeError("flagd provider not ready")
            time.sleep(0.005)
        self.api = api
        self.ns = {"gbv": self.c.get_boolean_value, "EC": EvaluationContext}
    def close(self):
        self.api.shutdown()


class Flagsmith(Peer):
    pkg = "flagsmith-flag-engine"
    notes = "get_evaluation_result evaluates the WHOLE context each call; W1-W4 use a one-flag context (favours it), W5 a 50-flag context; semver via ':semver'"
    mk = "{**BASE, 'identity': {'identifier': u['id'], 'key': u['id'], 'traits': {'country': u['country'], 'plan': u['plan'], 'appVersion': u['app_version']}}}"
    ev = "ger(c)['flags'][flag]['enabled']"
    batch = "sum([f['enabled'] for f in ger(c)['flags'].values()])"
    def load(self, path):
        from flag_engine.engine import get_evaluation_result
        self.full = json.load(open(path + "/flagsmith.json"))
        self.ns = {"ger": get_evaluation_result, "BASE": self.full}
    def restrict(self, keys):
        ks = set(keys)
        self.ns["BASE"] = {**self.full, "features": {k: v for k, v in self.full["features"].items() if k in ks},
                           "segments": {k: v for k, v in self.full["segments"].items() if k[4:] in ks}}


class PostHog(Peer):
    pkg = "posthog"
    notes = "feature_flags set directly, personal_api_key dummy, only_evaluate_locally, send_feature_flag_events=False, enable_local_evaluation poller off"
    mk = "(u['id'], {'id': u['id'], 'country': u['country'], 'plan': u['plan'], 'appVersion': u['app_version']})"
    ev = "fe(flag, c[0], person_properties=c[1], only_evaluate_locally=True, send_feature_flag_events=False)"
    def load(self, path):
        from posthog import Posthog
        self.c = Posthog("phc_bench", host="http://127.0.0.1:9", sync_mode=True, enable_local_evaluation=False)
        self.c.feature_flags = json.load(open(path + "/posthog.json"))["flags"]
        self.ns = {"fe": self.c.feature_enabled}
    def close(self):
        self.c.shutdown()


PEERS = {"jackstaff": Jackstaff, "jackstaff-id": JackstaffId, "unleash": Unleash, "yggdrasil-engine": UnleashEngineRaw, "launchdarkly": LaunchDarkly, "statsig-core": Statsig,
         "growthbook": GrowthBookSync, "growthbook-shared": GrowthBookShared, "eppo": Eppo, "flipt": Flipt,
         "flagd-core": FlagdCore, "flagd-openfeature": FlagdOpenFeature, "flagsmith-engine": Flagsmith, "posthog": PostHog}
