module Jackstaff
  # A client for tests, which answers from flags that the test writes: Mock.new("new_ui" => true, "theme" => { value: "light", users: { u1: "dark" } }). It is the
  # real client, with a record of what was asked.
  class Mock < Client
    def initialize(flags = {}, **more)
      hold(Jackstaff.open_mock(Values.natives(flags.merge(more))))
    end

    # Replaces the flags; they stay as they were if it raises.
    def set(flags) = @native.set_mock(Values.natives(flags))

    # The checks so far, oldest first, at most 10 000; each has a flag, a user and enabled.
    def checks = @native.recorded
  end
end
