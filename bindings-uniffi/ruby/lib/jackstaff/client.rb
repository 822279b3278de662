module Jackstaff
  # A client of feature flags. Any number of threads may use one at a time. No check raises: where nobody can say, the caller's default serves. Checks wait for the
  # service where memory has no answer, at most for the option +timeout+ (other threads go on meanwhile); as soon as the flags are in memory they answer
  # at once. The options are those of Jackstaff::Options, times in seconds.
  #
  # +user+ is an id (text or a number), a Jackstaff::Who, or nil for nobody.
  class Client
    DEFAULT_LIMIT = 10.0
    TYPES = { any: FlagType::ANY, boolean: FlagType::BOOLEAN, string: FlagType::STRING, integer: FlagType::INTEGER, double: FlagType::DOUBLE, json: FlagType::JSON }.freeze
    NOBODY = Who.new(nil)
    private_constant :TYPES, :NOBODY

    def initialize(config_service_url = nil, environment = nil, **options)
      hold(FeatureFlagsClient.new(Client.options(config_service_url: config_service_url, environment: environment, **options)))
    end

    class << self
      # A client of the service that the environment variables name: CONFIG_SERVICE_URL, ENVIRONMENT, REDIS_URL, …
      def from_env = new

      # A client that lives on a file, which is watched: YAML, JSON or TOML by its ending, in our flag format or a vendor's.
      def from_file(path, format: "native", **options) = of(Jackstaff.open_file(path.to_s, format, self.options(**options)))

      # A client that lives on a flag document: a hash, or a JSON text.
      def from_document(document, **options)
        return of(Jackstaff.open_json(document, self.options(**options))) if document.is_a?(String)

        of(FeatureFlagsClient.new(self.options(bootstrap: document, **options)))
      end

      def of(native)
        allocate.tap { |client| client.send(:hold, native) }
      end

      # The options as a record.
      def options(bootstrap: nil, retry: nil, breaker: nil, kafka: nil, **others)
        nested = {
          bootstrap: bootstrap && Values.native(bootstrap, "bootstrap"),
          _retry: binding.local_variable_get(:retry)&.then { |given| RetryOptions.new(**given) },
          breaker: breaker && BreakerOptions.new(**breaker),
          kafka: kafka && KafkaOptions.new(**(kafka.is_a?(String) ? { brokers: kafka } : kafka)),
        }
        floats = %i[cache_ttl local_ttl soft_ttl redis_timeout timeout poll_interval max_stale]
        others.each { |name, value| others[name] = Float(value) if floats.include?(name) && !value.nil? }
        Options.new(**nested, **others)
      rescue ArgumentError, TypeError => e
        raise FeatureFlagsError::InvalidArgument, "options: #{e.message}"
      end
    end

    # Is the flag on?
    def enabled?(flag, user, default: false)
      found = look(flag, user, default)
      found == Door::PENDING ? one(flag, who(user), :boolean, default).value : found == 1
    end

    # Is the flag on, as far as memory knows? Never waits; the default where only a wait could tell.
    def enabled_now?(flag, user, default: false)
      found = look(flag, user, default)
      return found == 1 unless found == Door::PENDING

      @native.start
      default
    end

    # Are these flags on? A hash with one entry per name that was asked, always, and one trip to the service at most.
    def batch_evaluate(flags, user, default: false)
      names, asker = flags.map(&:to_s).uniq, who(user)
      found = @native.batch_blocking(names, asker.native, FlagType::BOOLEAN, default)
      names.zip(found.map { |answer| Answer.of(answer, default).value }).to_h
    end

    # The answer with all that is known about it. A flag of another +type+ (:any, :boolean, :string, :integer, :double, :json) is the default.
    def evaluate(flag, user, default: nil, type: :any) = one(flag, who(user), type, default)

    # The text that the flag holds; the default if it holds another type.
    def string(flag, user, default:) = one(flag, who(user), :string, default).value

    # The whole number that the flag holds; the default if it holds another type, or a fraction.
    def integer(flag, user, default:) = one(flag, who(user), :integer, default).value&.to_i

    # The number that the flag holds; the default if it holds another type.
    def float(flag, user, default:) = one(flag, who(user), :double, default).value&.to_f

    # What the flag holds, as hashes and arrays.
    def object(flag, user, default: nil) = one(flag, who(user), :json, default).value

    # The answer and how it comes about: [answer, steps]. nil where the service evaluates. Not counted as a check.
    def explain(flag, user)
      found = @native.explain(flag.to_s, who(user).native)
      found && [Answer.of(found.evaluation, nil), found.steps.map { |step| Values.plain(step) }]
    end

    # Calls the block after each change (environment, epoch, version, previous, flags: none of them means any), in a thread that must not be kept long. Starts
    # the client. Returns what stops it: a lambda. A client has at most 1 000 listeners.
    def on_change(&block)
      raise FeatureFlagsError::InvalidArgument, "on_change takes a block" unless block

      id = @native.on_change(Listener.new(block))
      native = @native
      -> { native.remove_listener(id) }
    end

    # Begins to follow the service, if that has not begun.
    def start = tap { @native.start }

    # Waits until the client answers from the flags, or knows that the service gives none. Raises FeatureFlagsError::Timeout with the last failure.
    def ready(timeout = DEFAULT_LIMIT) = tap { @native.ready_blocking(Float(timeout)) }

    # Waits until the flags have this version or a later one.
    def wait_for_version(version, timeout = DEFAULT_LIMIT) = tap { @native.wait_for_version_blocking(version, Float(timeout)) }

    # How the client is and what it has done: "status", "checks", "by_origin", "version", "age", "failures", "last_error", …
    def stats = @native.stats.transform_values { |value| Values.plain(value) }

    def environment = @native.environment

    # In a forked child, before anything else uses the client there: new connections; the flags are the parent's and answer at once. From Ruby 3.1 on this happens by itself.
    def after_fork = tap { @native.after_fork }

    # Ends the background work and every wait. Bounded, and harmless when repeated. Checks go on to answer: with their default.
    def close = @native.shutdown

    def closed? = @native.is_shut_down

    def inspect = "#<Jackstaff::Client #{environment}>"

    # What the library calls.
    Listener = Struct.new(:block) do
      def changed(change)
        block.call(change)
      rescue StandardError => e
        warn("jackstaff: a change listener raised #{e.class}: #{e.message}")
      end
    end
    private_constant :Listener

    private

    def hold(native)
      @native = native
      @door = native.door
      Fork::CLIENTS[self] = true
    end

    def who(user)
      user.is_a?(Who) ? user : Who.new(user)
    rescue FeatureFlagsError::InvalidArgument
      NOBODY # an id that is too long is nobody's
    end

    def look(flag, user, default)
      flag = Values.text(flag.to_s)
      fallback = default ? 1 : 0
      case user
      when Who then Door.look(@door, user.door, flag, flag.bytesize, nil, 0, fallback)
      when nil then Door.look(@door, 0, flag, flag.bytesize, nil, 0, fallback)
      else
        user = Values.text(user.to_s)
        Door.look(@door, 0, flag, flag.bytesize, user, user.bytesize, fallback)
      end
    end

    def one(flag, asker, type, default)
      boolean = default if [true, false].include?(default)
      wanted, name = TYPES.fetch(type), Values.text(flag.to_s)
      found = @native.peek(name, asker.native, wanted, boolean) || @native.batch_blocking([name], asker.native, wanted, boolean).first
      Answer.of(found, default)
    end
  end
end
