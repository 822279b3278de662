// The types of `jackstaff/otel`.
import type FeatureFlagsClient = require('./index.js');
import type { MeterProvider } from '@opentelemetry/api';

/**
 * Shows what a client counts (`stats()`) as OpenTelemetry metrics: `jackstaff.checks` by origin, `jackstaff.changes`, `jackstaff.failures`, `jackstaff.flags`,
 * `jackstaff.version`, `jackstaff.age`, `jackstaff.listeners` and `jackstaff.status`, each with the environment as `feature_flag.set.id`. Checks become no slower: the
 * numbers are read when somebody collects. Ends when the function that is returned is called, or the client is collected.
 */
export function observe(client: FeatureFlagsClient, options?: { /** The global one unless given. */ meterProvider?: MeterProvider }): () => void;

/**
 * From now on each check of this client is an event `feature_flag.evaluation` of the span that is active where it is made, by the semantic
 * conventions; outside a recorded span nothing is written. Never a user id. Contexts and flags made from now on are part of it. The function that
 * is returned ends it.
 */
export function trace(client: FeatureFlagsClient): () => void;
