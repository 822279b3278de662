// OpenTelemetry's types take it from the host, and this program has no types of a host.
declare const console: { log(line: string): void };
