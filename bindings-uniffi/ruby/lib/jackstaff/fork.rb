module Jackstaff
  # A forked child has none of its parent's threads: its clients are told, before anything else can use them. Process.daemon ends the parent and counts too.
  module Fork
    CLIENTS = ObjectSpace::WeakMap.new

    def _fork
      super.tap { |pid| Fork.born if pid.zero? }
    end

    def self.born
      # The gem ffi runs what is called back from other threads in a thread of its own, and starts that with a function that is made: without it a listener of the
      # parent's would hold up the child's updates for ever.
      @dispatcher = FFI::Function.new(:void, []) {}
      CLIENTS.each_key(&:after_fork)
    end
  end
  private_constant :Fork

  Process.singleton_class.prepend(Fork) if Process.respond_to?(:_fork) # from Ruby 3.1 on; before that, call after_fork yourself
end
