package jackstaff

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
)

// The logger that was set; none for slog.Default.
var chosen atomic.Pointer[slog.Logger]

// SetLogger has the few log lines of all clients written to l: one per outage and one when it is over, one per flag that is asked for and does not exist. Without it they go to
// slog.Default. None holds a user's id. Debug lines are asked for if l takes them at the time of this call. Lines come from a goroutine of the library's own thread, never from
// within a check; at most 1 000 wait, and the rest is dropped. To silence them: slog.New(slog.DiscardHandler).
func SetLogger(l *slog.Logger) {
	chosen.Store(l)
	level := logInfo
	if l != nil && l.Enabled(context.Background(), slog.LevelDebug) {
		level = logDebug
	}
	listenToLog(level)
}

func init() {
	listenToLog(logInfo)
}

func logger() *slog.Logger {
	if l := chosen.Load(); l != nil {
		return l
	}
	return slog.Default()
}

// The levels, by the library's numbers.
const (
	logInfo  = 3
	logDebug = 4
)

var levels = [...]slog.Level{slog.LevelError, slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug}

// writeLog writes one line; fields are a JSON object, whose order is kept.
func writeLog(level int, message string, fields []byte) {
	defer func() { _ = recover() }() // a handler's panic would end the process from a thread that nobody knows
	ctx, l, severity := context.Background(), logger(), levels[min(level, len(levels)-1)]
	if !l.Enabled(ctx, severity) {
		return
	}
	l.LogAttrs(ctx, severity, "jackstaff: "+message, attributes(fields)...)
}

func attributes(fields []byte) []slog.Attr {
	var attrs []slog.Attr
	decoder := json.NewDecoder(bytes.NewReader(fields))
	if _, err := decoder.Token(); err != nil {
		return nil
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return attrs
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return attrs
		}
		key, _ := name.(string)
		attrs = append(attrs, slog.Any(key, value))
	}
	return attrs
}
