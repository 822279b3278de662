package jackstaff

import (
	"encoding/json"
	"time"
)

// Reason says why an answer is what it is. The words are the same in every language and on the wire.
type Reason string

// The reasons of an [Evaluation].
const (
	UserTargeted       Reason = "user_targeted"       // the user is on a target list
	RuleMatched        Reason = "rule_matched"        // a rule's conditions held; Rule names it
	Rollout            Reason = "rollout"             // a percentage or a weighted split decided
	Fallthrough        Reason = "fallthrough"         // no rule matched: the flag's own last word
	Disabled           Reason = "disabled"            // the flag is off, or outside its schedule
	PrerequisiteFailed Reason = "prerequisite_failed" // a flag that this one needs has another answer
	FlagNotFound       Reason = "flag_not_found"      // nobody knows the flag: the caller's default
	TypeMismatch       Reason = "type_mismatch"       // the flag holds another type than was asked for: the caller's default
	NotReady           Reason = "not_ready"           // no flags have arrived yet: the caller's default
	ReasonError        Reason = "error"               // the flag or the trip to the service failed: the caller's default
)

// The reasons, in the order of the library's numbers.
var reasons = [...]Reason{UserTargeted, RuleMatched, Rollout, Fallthrough, Disabled, PrerequisiteFailed, FlagNotFound, TypeMismatch, NotReady, ReasonError}

// Origin says where an answer came from.
type Origin string

// The origins of an [Evaluation].
const (
	OriginLocal   Origin = "local"   // evaluated in this process
	OriginMemory  Origin = "memory"  // an answer of the service, kept in this process
	OriginRedis   Origin = "redis"   // an answer of the service, kept in Redis
	OriginRemote  Origin = "remote"  // the service answered just now
	OriginDefault Origin = "default" // nobody could say: the caller's default
)

// The origins, in the order of the library's numbers.
var origins = [...]Origin{OriginLocal, OriginMemory, OriginRedis, OriginRemote, OriginDefault}

// Evaluation is the answer to a check, with all that is known about it.
type Evaluation struct {
	// Flag is the flag that was asked about.
	Flag string
	// Value is the variant's value, or the caller's default: a bool, string, int64, float64, or what encoding/json makes of JSON.
	Value any
	// Enabled is, for a boolean flag, the value itself; for others: on, and not its off variant.
	Enabled bool
	// Variant is the name of the variant that was served; empty if the caller's default was.
	Variant string
	// Reason is why.
	Reason Reason
	// Origin is from where.
	Origin Origin
	// Rule is the name of the rule that decided, where one did.
	Rule string
	// ErrorCode is what was wrong, where something was: flag_not_found, malformed_flag, cycle, type_mismatch, targeting_key_missing.
	ErrorCode string
	// Version is the last change that could have altered this answer; 0 if the source has none.
	Version uint64
	// Epoch is the life of the store that Version belongs to.
	Epoch string
	// Age is how long ago the answer was evaluated or, for a local one, known to be current.
	Age time.Duration
}

// kind is what the library says a value is, and what a caller wants it to be.
type kind uint32

const (
	kindAny kind = iota // of an answer: the caller's default
	kindBoolean
	kindString
	kindInteger
	kindDouble
	kindJSON
)

// kindOf is the kind that a default asks for.
func kindOf(def any) kind {
	switch def.(type) {
	case nil:
		return kindAny
	case bool:
		return kindBoolean
	case string:
		return kindString
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return kindInteger
	case float32, float64:
		return kindDouble
	default:
		return kindJSON
	}
}

// value is an answer's value as it crosses: what is not of the kind is zero.
type value struct {
	kind    kind
	boolean bool
	integer int64
	number  float64
	text    string
}

// or is the value in Go, or def where the answer is the caller's default.
func (v value) or(def any) any {
	switch v.kind {
	case kindBoolean:
		return v.boolean
	case kindString:
		return v.text
	case kindInteger:
		return v.integer
	case kindDouble:
		return v.number
	case kindJSON:
		var decoded any
		if json.Unmarshal([]byte(v.text), &decoded) == nil {
			return decoded
		}
	}
	return def
}

// answer is what is known about a flag, as it crosses.
type answer struct {
	Evaluation // without its value
	value
}

// finish is the evaluation for a caller with this default.
func (a answer) finish(def any) Evaluation {
	a.Evaluation.Value = a.value.or(def)
	return a.Evaluation
}

// at is the entry of a table of words, and empty past its end.
func at[T ~string](table []T, index uint32) T {
	if int(index) < len(table) {
		return table[index]
	}
	return ""
}
