// Written by scripts/types.js from lib/ and scripts/data.d.ts: change those, then run it.

/** A client for one environment's flags. Make one and share it; making it connects to nothing and blocks nothing. */
declare class FeatureFlagsClient {
  /**
   * A client with these options; what is not given comes from the environment variables `CONFIG_SERVICE_URL`, `ENVIRONMENT`,
   * `JACKSTAFF_API_KEY`, `JACKSTAFF_EVALUATION` and `REDIS_URL`.
   * @throws Error with code `invalid_argument`, naming the option: one that is unknown, wrong, or needed and missing.
   */
  constructor(config?: FeatureFlagsClient.Options);

  /** The `redis` option as it was given, or null. The client neither uses the connection nor closes it. */
  readonly redis: unknown;

  /** A client configured by the environment variables, and by `options` over them. */
  static fromEnv(options?: FeatureFlagsClient.Options): FeatureFlagsClient;

  /**
   * A client that lives on a file, which is watched: YAML, JSON or TOML by its ending.
   * @throws Error with code `io`, or `invalid_document` with every mistake and its place.
   */
  static fromFile(path: string, options?: FeatureFlagsClient.FileOptions): FeatureFlagsClient;

  /**
   * A client that lives on a flag document given in memory, or on a ruleset as the service sends it.
   * @throws Error with code `invalid_document`, with every mistake.
   */
  static fromObject(document: object, options?: FeatureFlagsClient.Options): FeatureFlagsClient;

  /**
   * Is the flag on for this user? A disabled flag is false whatever the default; `defaultValue` (false) serves where nobody can say:
   * an unknown flag, one that is not boolean, a service that fails. Waits at most the `timeout` option, and only where memory has no
   * answer. Rejects for nothing but a wrong argument (TypeError).
   */
  isEnabled(flag: string, user: FeatureFlagsClient.User, defaultValue?: boolean, context?: FeatureFlagsClient.Attributes): Promise<boolean>;
  /**
   * The same from memory, now. Where memory has no answer yet, the default is served and the answer is fetched in the background for
   * the next caller: await `ready()` once at the start, and in `remote` evaluation prefer `isEnabled`.
   * @throws TypeError for a wrong argument, naming it.
   */
  isEnabledSync(flag: string, user: FeatureFlagsClient.User, defaultValue?: boolean, context?: FeatureFlagsClient.Attributes): boolean;

  /** Several flags for one user, with one trip to the service at most: an object with an entry for each name, always. */
  batchEvaluate(flags: Iterable<string>, user: FeatureFlagsClient.User, defaultValue?: boolean, context?: FeatureFlagsClient.Attributes): Promise<Record<string, boolean>>;
  /** The same from memory, now; see `isEnabledSync`. */
  batchEvaluateSync(flags: Iterable<string>, user: FeatureFlagsClient.User, defaultValue?: boolean, context?: FeatureFlagsClient.Attributes): Record<string, boolean>;

  /** The answer with all that is known about it. `type` makes another type the default, with reason `type_mismatch`. */
  evaluate<T = null>(flag: string, user: FeatureFlagsClient.User, defaultValue?: T, context?: FeatureFlagsClient.Attributes, type?: FeatureFlagsClient.Type): Promise<FeatureFlagsClient.Evaluation<T>>;
  /** The same from memory, now; without an answer the reason is `not_ready`. */
  evaluateSync<T = null>(flag: string, user: FeatureFlagsClient.User, defaultValue?: T, context?: FeatureFlagsClient.Attributes, type?: FeatureFlagsClient.Type): FeatureFlagsClient.Evaluation<T>;

  /** A boolean flag's value, or the default. */
  getBool(flag: string, user: FeatureFlagsClient.User, defaultValue: boolean, context?: FeatureFlagsClient.Attributes): Promise<boolean>;
  /** The same from memory, now. */
  getBoolSync(flag: string, user: FeatureFlagsClient.User, defaultValue: boolean, context?: FeatureFlagsClient.Attributes): boolean;

  /** A string flag's value, or the default. */
  getString(flag: string, user: FeatureFlagsClient.User, defaultValue: string, context?: FeatureFlagsClient.Attributes): Promise<string>;
  /** The same from memory, now. */
  getStringSync(flag: string, user: FeatureFlagsClient.User, defaultValue: string, context?: FeatureFlagsClient.Attributes): string;

  /** A whole number, or the default; also for one beyond 2^53, which no JavaScript number holds (see `evaluate`). */
  getInt(flag: string, user: FeatureFlagsClient.User, defaultValue: number, context?: FeatureFlagsClient.Attributes): Promise<number>;
  /** The same from memory, now. */
  getIntSync(flag: string, user: FeatureFlagsClient.User, defaultValue: number, context?: FeatureFlagsClient.Attributes): number;

  /** A number, or the default. */
  getNumber(flag: string, user: FeatureFlagsClient.User, defaultValue: number, context?: FeatureFlagsClient.Attributes): Promise<number>;
  /** The same from memory, now. */
  getNumberSync(flag: string, user: FeatureFlagsClient.User, defaultValue: number, context?: FeatureFlagsClient.Attributes): number;

  /** A flag's value, whatever JSON it is, or the default. */
  getObject<T = FeatureFlagsClient.Json>(flag: string, user: FeatureFlagsClient.User, defaultValue: T, context?: FeatureFlagsClient.Attributes): Promise<T>;
  /** The same from memory, now. */
  getObjectSync<T = FeatureFlagsClient.Json>(flag: string, user: FeatureFlagsClient.User, defaultValue: T, context?: FeatureFlagsClient.Attributes): T;

  /** How a flag's answer comes about, step by step; null where the flags are not in this process. */
  explain(flag: string, user: FeatureFlagsClient.User, context?: FeatureFlagsClient.Attributes): { evaluation: FeatureFlagsClient.Evaluation<null>; steps: FeatureFlagsClient.Step[] } | null;

  /** One user with attributes for the length of a request: converted once, and repeated checks cost next to nothing. */
  context(user: FeatureFlagsClient.User, attributes?: FeatureFlagsClient.Attributes): FeatureFlagsClient.Context;

  /** A boolean flag that is asked about often. */
  flag(name: string): FeatureFlagsClient.Flag;

  /** Waits until answers come from memory (or the service is known to offer none for it), at most `timeout` seconds (5). Rejects with code `timeout` or `closed`; the client goes on trying. */
  ready(timeout?: number): Promise<void>;

  /** Waits until the flags have this version or a later one, at most `timeout` seconds (5). Rejects with code `timeout` or `closed`. */
  waitForVersion(version: number, timeout?: number): Promise<void>;

  /** Calls `listener` after each change; the function that is returned ends that. Listeners do not keep the process alive. */
  onChange(listener: (change: FeatureFlagsClient.Change) => void): () => void;
  /** The same in the manner of an event emitter; `change` is the only event. */
  on(event: 'change', listener: (change: FeatureFlagsClient.Change) => void): this;

  /** Forgets a listener. */
  off(event: 'change', listener: (change: FeatureFlagsClient.Change) => void): this;

  /** How the client is and what it has done. */
  stats(): FeatureFlagsClient.Stats;

  /** The URL of the config service without a closing slash; null for a client that lives on flags of its own. */
  readonly configServiceUrl: string | null;

  /** The environment whose flags are asked about. */
  readonly environment: string;

  /** How long an answer of the service may be served, in seconds; 0 keeps none. */
  readonly cacheTtl: number;

  /** Ends the client at once; later checks get their defaults. Harmless when repeated, and not needed for the process to end. */
  close(): Promise<void>;

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

declare namespace FeatureFlagsClient {
  /** A user id. A number means its decimal text; null means nobody: rules on attributes work, rollouts by user do not. */
  export type User = string | number | bigint | null;
  /** Anything JSON holds. */
  export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
  /** What rules look at: text, numbers, booleans, dates, lists and objects of these; at most 256, 64 KiB of text each, 8 levels deep. */
  export type Attributes = object | null;
  /** The types of flags. */
  export type Type = 'any' | 'boolean' | 'string' | 'integer' | 'double' | 'json';

  /** Every time is in seconds. */
  export interface Options {
    /** As in `http://config-service:8082`. Environment variable `CONFIG_SERVICE_URL`. */
    configServiceUrl?: string;
    /** Environment variable `ENVIRONMENT`. No default where a service is asked. */
    environment?: string;
    /** How long an answer of the service may be served, from its evaluation, wherever it is kept; default 300. 0 keeps no answers. */
    cacheTtl?: number;
    /** How long this process trusts its own copy before it looks again; default 60. */
    localTtl?: number;
    /** From this age on an answer is fetched anew in the background while it is still served; default four fifths of `cacheTtl`. */
    softTtl?: number;
    /** How many answers are kept in memory; default 100 000. */
    cacheEntries?: number;
    /** How many bytes they may take, about; default 64 MiB. */
    cacheBytes?: number;
    /** How failed questions are repeated within `timeout`; false: not at all. */
    retry?: boolean | RetryOptions;
    /** When a service that fails is left alone; false: never. */
    breaker?: boolean | BreakerOptions;
    /** A URL, ioredis options, or an ioredis client, whose settings are read. Answers are shared there. */
    redis?: string | number | object | null;
    /** The same as a URL: `redis://`, `rediss://`, `redis+cluster://a:7000,b:7000`, `redis+sentinel://a:26379/mymaster/0`. Environment variable `REDIS_URL`. */
    redisUrl?: string;
    /** How long a read from Redis may take before the service is asked instead; default 0.05. */
    redisTimeout?: number;
    /** Signs what is written to Redis, and lets only what was signed with it count. Environment variable `JACKSTAFF_REDIS_SECRET`. */
    redisSecret?: string;
    /** Certificates (PEM) to trust for `rediss://`: a file, or their text; default the system's. */
    redisCa?: string;
    /** Hear of changes over that Redis too, from a service with `--redis-url`; default false. */
    redisUpdates?: boolean;
    /** Hear of changes over Kafka too: the brokers (`kafka-1:9092,kafka-2:9092`), or these and more; default none. */
    kafka?: string | KafkaOptions;
    /** Sent as `Authorization: Bearer`. Environment variable `JACKSTAFF_API_KEY`. */
    apiKey?: string;
    /** Certificates (PEM) to trust for a service at `https://`: a file, or their text; default the system's. */
    serviceCa?: string;
    /** Where checks are evaluated; default `auto`: in process as soon as the flags are there. Environment variable `JACKSTAFF_EVALUATION`. */
    evaluation?: 'auto' | 'local' | 'remote';
    /** How long a check may take in all; default 5. */
    timeout?: number;
    /** How often the service is asked for changes while there is no stream; default 60. */
    pollInterval?: number;
    /** Follow changes by a stream; default true. */
    stream?: boolean;
    /** Beyond this age a failing service's last answer is not served, and the default is; default none. */
    maxStale?: number;
    /** A flag document to begin with. */
    bootstrap?: object;
    /** A file that keeps the last good flags, for a start while the service is away. */
    snapshotPath?: string;
    /**
     * Who gets the log lines: `console`, pino, winston, or any object with these methods; default standard error. Lines are the package's, so
     * with several loggers each gets all of them. Closing the client ends its use. Never a user id.
     */
    logger?: Logger | null;
  }

  export interface RetryOptions {
    /** How often a question is sent in all; default 3, from 1 to 10. */
    attempts?: number;
    /** The first pause is drawn from zero to this, each later one from twice as much; default 1. */
    min?: number;
    /** No pause is longer; default 10. */
    max?: number;
    /** Repeated questions may be this part of all; default 0.1. */
    budget?: number;
  }

  export interface BreakerOptions {
    /** How many failures in a row; default 5, 0 for never. */
    failures?: number;
    /** How long the service is then left alone; default 60. */
    reset?: number;
  }

  /** How Kafka is reached. Certificates or `security: 'tls'` switch TLS on, `sasl` a log-in. */
  export interface KafkaOptions {
    brokers: string | string[];
    /** Default `feature-flag-updates`. */
    topic?: string;
    security?: 'plaintext' | 'tls';
    /** Files of certificates (PEM): to trust, and to show with their key. */
    caFile?: string;
    certFile?: string;
    keyFile?: string;
    sasl?: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';
    username?: string;
    password?: string;
    /** For `oauthbearer`: the token, or a file that is read anew when it is needed. */
    token?: string;
    tokenFile?: string;
  }

  /** What a logger needs. A level that it lacks goes to its `warn`. */
  export interface Logger {
    debug?(message: string): void;
    info?(message: string): void;
    warn(message: string): void;
    error?(message: string): void;
  }

  export interface FileOptions extends Options {
    /** The flag format; default `native`. */
    format?: string;
  }

  /** Why an answer is what it is. The last four mean that the caller's default was served. */
  export type Reason = 'user_targeted' | 'rule_matched' | 'rollout' | 'fallthrough' | 'disabled' | 'prerequisite_failed' | 'flag_not_found' | 'type_mismatch' | 'not_ready' | 'error';
  /** Where an answer came from. */
  export type Origin = 'local' | 'memory' | 'redis' | 'remote' | 'default';

  export interface Evaluation<T = null> {
    flag: string;
    /** The variant's value (an integer beyond 2^53 as a BigInt), or the very default that was given. */
    value: T | Json | bigint;
    /** For a boolean flag the value itself; for others: on, and not its off variant. */
    enabled: boolean;
    /** The variant; null if the default was served. */
    variant: string | null;
    reason: Reason;
    origin: Origin;
    /** The version of the last change that could have altered this answer; 0 if the source has none. */
    version: number;
    /** The life of the store that `version` belongs to; empty if the source has none. */
    epoch: string;
    /** Seconds since the answer was evaluated or, for a local one, known to be current. */
    age: number;
    /** The rule that decided. */
    rule: string | null;
    /** What was wrong. */
    error: 'flag_not_found' | 'malformed_flag' | 'cycle' | 'type_mismatch' | 'targeting_key_missing' | 'unknown_variant' | 'limit_exceeded' | null;
  }

  /** One step of an explanation; `step` says which kind: flag, flag_answer, rule, condition, bucket or value. */
  export interface Step {
    step: string;
    [detail: string]: Json;
  }

  export interface Change {
    environment: string;
    epoch: string;
    version: number;
    /** The version before it, where that is known. */
    previous: number | null;
    /** The flags whose answers can have changed; empty means any. */
    flags: string[];
  }

  export interface Stats {
    /** `stale`: there are answers, but the service has not been heard of lately. */
    status: 'not_ready' | 'ready' | 'stale' | 'closed';
    checks: number;
    byOrigin: Record<Origin, number>;
    /** The version of the flags; 0 without any. */
    version: number;
    epoch: string;
    /** How many flags there are. */
    flags: number;
    /** Seconds since the service was last heard of; 0 while a stream is up. */
    age: number;
    /** Changes applied. */
    changes: number;
    /** Trips to the service that failed. */
    failures: number;
    /** Change listeners. */
    listeners: number;
    lastError: string | null;
    /** Answers of the service that are held in memory. */
    cacheEntries: number;
    /** About how many bytes they take. */
    cacheBytes: number;
    /** Questions to the service that were sent again. */
    retries: number;
    /** The breaker on the way to the service. */
    breaker: 'closed' | 'open' | 'half_open';
    /** The shared cache; null without one. */
    redis: RedisStats | null;
    /** What changes are heard by: `stream`, `kafka`, `redis`. */
    feeds: Record<string, FeedStats>;
    /** How long changes took from their commit to being applied here: counts by the upper end of each bucket in milliseconds. */
    appliedMs: Record<string, number>;
  }

  /** How a feed is and what it brought. */
  export interface FeedStats {
    up: boolean;
    /** How often it was joined. */
    joins: number;
    /** Changes that were news. */
    changes: number;
    /** Changes that were known already. */
    duplicates: number;
    /** How often changes before one were missing. */
    gaps: number;
    /** Messages that nobody can read; they are stepped over. */
    unreadable: number;
    /** Messages about nothing of ours. */
    ignored: number;
    lastError: string | null;
  }

  export interface RedisStats {
    breaker: 'closed' | 'open' | 'half_open';
    /** Keys that were asked for and held nothing of use. */
    misses: number;
    /** Requests that failed or took too long. */
    errors: number;
    /** Entries that could not be read or whose signature was wrong. */
    corrupt: number;
    /** Entries that were written. */
    written: number;
    /** Entries that were not. */
    unwritten: number;
    /** Connections that were made. */
    connects: number;
  }

  /** A value, a value with users' own, or a flag as in a flag document. */
  export type MockFlag = Json | { value?: Json; users?: { [user: string]: Json } };

  /** A check that a mock was asked. */
  export interface Check {
    flag: string;
    user: string | null;
    enabled: boolean;
  }

  /**
   * One user with attributes, for as long as a request: converted once, and a check that repeats is answered from what the context
   * kept. What depends on the time, or came from the service, is not kept; and any change of flags makes all of it old.
   */
  export class Context {
    private constructor();

    /** The user id as text; null for nobody. */
    readonly user: string | null;
    /** As the client's `isEnabled`. */
    isEnabled(flag: string, defaultValue?: boolean): Promise<boolean>;
    /** As the client's `isEnabledSync`. */
    isEnabledSync(flag: string, defaultValue?: boolean): boolean;
    /** As the client's `evaluate`. */
    evaluate<T = null>(flag: string, defaultValue?: T, type?: Type): Promise<Evaluation<T>>;
    /** As the client's `evaluateSync`. */
    evaluateSync<T = null>(flag: string, defaultValue?: T, type?: Type): Evaluation<T>;
  }

  /** A boolean flag of a client: its name crosses once, not with each check. Made by `client.flag(name)`. */
  export class Flag {
    private constructor();
    readonly name: string;
    /** As the client's `isEnabledSync`. */
    enabled(user: User, defaultValue?: boolean, context?: Attributes): boolean;
  }

  /** The client for tests: the same class and the same core over flags that the test gives; no file, no network. */
  export class MockFeatureFlagsClient extends FeatureFlagsClient {
    constructor(flags?: { [flag: string]: MockFlag });

    /** Gives a flag a value, for everybody or for one user. */
    set(flag: string, value: MockFlag, user?: string | number | bigint): void;

    /** The checks so far, oldest first; at most 10 000. */
    readonly checks: Check[];
  }

  export { FeatureFlagsClient };
}

export = FeatureFlagsClient;
