package jackstaff

import "context"

// Flag is a flag that is asked about often: its name crosses into the library once. Make it at start, with [Client.Flag].
type Flag struct {
	client *Client
	name   string
	index  uint32
}

// Flag is a handle for the flag of that name, which need not exist. A process can have handles for 65 536 names, kept for its life; beyond that, handles
// work as the client does.
func (c *Client) Flag(name string) *Flag {
	return &Flag{client: c, name: name, index: indexOf(name)}
}

// Name is the flag's name.
func (f *Flag) Name() string {
	return f.name
}

// IsEnabled is as [Client.IsEnabled].
func (f *Flag) IsEnabled(ctx context.Context, who Context, def bool) bool {
	if f.index == noFlag {
		return f.client.IsEnabled(ctx, f.name, who, def)
	}
	if enabled, known := f.client.lookAt(f.index, who, def); known {
		return enabled
	}
	return f.client.boolLater(ctx, f.name, who, def)
}

// FlagSet is several flags that are asked about together: all their answers come with one call into the library. Make it at start, with [Client.Flags].
type FlagSet struct {
	client  *Client
	names   []string
	indices []uint32
}

// Flags is a handle for the flags of these names. Otherwise as [Client.Flag].
func (c *Client) Flags(names ...string) *FlagSet {
	set := &FlagSet{client: c, names: append([]string(nil), names...), indices: make([]uint32, len(names))}
	for i, name := range names {
		if set.indices[i] = indexOf(name); set.indices[i] == noFlag {
			set.indices = nil
			break
		}
	}
	return set
}

// Names is the names, in the order of the answers.
func (s *FlagSet) Names() []string {
	return append([]string(nil), s.names...)
}

// IsEnabled says of each flag whether it is on, in the order of the names. Otherwise as [Client.BatchEvaluate].
func (s *FlagSet) IsEnabled(ctx context.Context, who Context, def bool) []bool {
	answers := make([]bool, len(s.names))
	if len(s.names) == 0 || s.indices != nil && s.client.lookAtMany(s.indices, who, def, answers) {
		return answers
	}
	found := s.client.BatchEvaluate(ctx, s.names, who, def)
	for i, name := range s.names {
		answers[i] = found[name]
	}
	return answers
}
