module Jackstaff
  # The answer to a check, with all that is known about it. +reason+ and +origin+ are symbols (:rule_matched, :local); +age+ is in seconds.
  Answer = Struct.new(:flag, :value, :enabled, :variant, :reason, :origin, :version, :epoch, :age, :rule, :error, keyword_init: true) do
    # The answer with its value, or the caller's default where the core served that.
    def self.of(found, default)
      served = found.value.nil?
      boolean = served && found.origin == "default" && [true, false].include?(default)
      new(
        flag: found.flag, value: served ? default : Jackstaff.const_get(:Values).plain(found.value), enabled: boolean ? default : found.enabled,
        variant: found.variant, reason: found.reason.to_sym, origin: found.origin.to_sym, version: found.version, epoch: found.epoch,
        age: found.age, rule: found.rule, error: found.error
      )
    end
  end

  # Who is asking: a user id with attributes, built once and used for any number of checks. nil is nobody: rules on attributes work, rollouts by user do not.
  class Who
    attr_reader :user, :native, :door

    def initialize(user, attributes = {})
      @user = user.nil? ? nil : Values.text(user.to_s)
      @native = Context.new(@user, Values.natives(attributes))
      @door = @native.door
    end

    # Never the user: this ends in logs.
    def inspect
      "#<Jackstaff::Who>"
    end
    alias to_s inspect
  end
end
