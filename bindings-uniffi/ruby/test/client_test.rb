require "support"

class ClientTest < Minitest::Test
  ON = { "enabled" => true }.freeze
  OFF = { "enabled" => false }.freeze

  def local = Jackstaff::Client.from_document(DOCUMENT, environment: "test")

  # A client of a service that answers so.
  def remote(answer, **options)
    service = Fake.new(&answer)
    client = Jackstaff::Client.new(service.url, "test", evaluation: "remote", timeout: 3, **options)
    yield client, service
  ensure
    client&.close
    service&.close
  end

  def patient = { retry: { attempts: 1 }, breaker: { failures: 0 } }

  def test_typed_getters_check_the_type
    client = local
    assert_equal "dark", client.string("theme", "u1", default: "light")
    assert_equal "light", client.string("limit", "u1", default: "light")
    assert_equal 20, client.integer("limit", "u1", default: 1)
    assert_equal 1, client.integer("ratio", "u1", default: 1)
    assert_in_delta 0.5, client.float("ratio", "u1", default: 1.0)
    assert_equal({ "columns" => 3, "names" => %w[a b] }, client.object("layout", "u1"))
    assert_equal({ "new_ui" => true, "dark_mode" => false, "none" => true }, client.batch_evaluate(%w[new_ui dark_mode none new_ui], "u1", default: true))
    assert client.enabled?(:new_ui, 17)
  end

  def test_an_answer_tells_all_that_is_known_and_an_explanation_how_it_came_about
    client = local
    pro = Jackstaff::Who.new("u1", plan: "pro", since: Date.new(2024, 1, 1), tags: [1, 2.5, nil])
    found = client.evaluate("beta", pro)
    assert_equal [true, true, "on", :rule_matched, :local, "pros"], [found.value, found.enabled, found.variant, found.reason, found.origin, found.rule]
    unknown = client.evaluate("none", pro, default: "mine")
    assert_equal ["mine", false, nil, :flag_not_found, :default], [unknown.value, unknown.enabled, unknown.variant, unknown.reason, unknown.origin]
    answer, steps = client.explain("beta", pro)
    assert_equal true, answer.value
    assert(steps.any? { |step| step["step"] == "condition" }, steps.inspect)
  end

  def test_texts_of_any_length_script_and_encoding_are_told_apart
    long = "x" * 500
    mock = Jackstaff::Mock.new("f" => { value: false, users: [long, "ключ", "😀", "", "a\0b", "é"].to_h { |user| [user, true] } })
    [long, "ключ", "😀", "", "a\0b", "é", "é".encode("ISO-8859-1"), "ключ".encode("UTF-16LE")].each { |user| assert mock.enabled?("f", user), user.inspect }
    [long[1..], "ключи", "😁", "a", "\xff", nil].each { |user| refute mock.enabled?("f", user), user.inspect }
    assert mock.enabled?("f", "y" * 100_000, default: true), "too long to be a user: the default"
    assert_equal [long, "ключ"], mock.checks.first(2).map(&:user)
  end

  def test_what_cannot_be_used_is_refused_with_a_word
    refused = assert_raises(Jackstaff::FeatureFlagsError::InvalidArgument) { Jackstaff::Client.new("ftp://x", "test") }
    assert_includes refused.message, "config_service_url"
    assert_raises(Jackstaff::FeatureFlagsError::InvalidArgument) { Jackstaff::Client.new("http://x", "test", cache_ttl: -1) }
    assert_raises(Jackstaff::FeatureFlagsError::InvalidArgument) { Jackstaff::Client.new("http://x", "test", no_such_option: 1) }
    assert_raises(Jackstaff::FeatureFlagsError::InvalidArgument) { Jackstaff::Client.from_document("{") }
    assert_raises(Jackstaff::FeatureFlagsError::InvalidArgument) { Jackstaff::Who.new("u", a: Object.new) }
    assert_raises(Jackstaff::FeatureFlagsError::InvalidArgument) { Jackstaff::Who.new("x" * 70_000) }
    assert_raises(Jackstaff::FeatureFlagsError::InvalidArgument) { local.ready(-1) }
  end

  def test_a_closed_client_serves_defaults
    client = local
    client.close
    client.close
    assert client.closed?
    assert client.enabled?("none", "u1", default: true)
    assert_raises(Jackstaff::FeatureFlagsError::Closed) { client.ready(5) }
    assert_equal "closed", client.stats["status"]
    assert_raises(Jackstaff::FeatureFlagsError::Timeout) { Jackstaff::Client.new("http://127.0.0.1:9", "test").ready(0.05) }
  end

  def test_a_change_reaches_the_client_through_the_real_service
    skip "#{Service.binary} has not been built: make service" unless File.exist?(Service.binary)
    Dir.mktmpdir do |data|
      service = Service.new(data)
      client = Jackstaff::Client.new(service.url, "production").ready(20)
      assert client.enabled?("new_ui", "user123")
      heard = Queue.new
      stop = client.on_change { |change| heard << change }
      version = service.patch("new_ui", { enabled: false })
      client.wait_for_version(version, 20)
      refute client.enabled_now?("new_ui", "user123", default: true)
      assert_equal :disabled, client.evaluate("new_ui", "user123").reason
      within("a change") { !heard.empty? }
      change = heard.pop
      assert_equal version, change.version
      assert(change.flags.empty? || change.flags.include?("new_ui"), change.flags.inspect) # none means any: the stream may not have been there yet
      stop.call
      assert_equal 0, client.stats["listeners"]
      service.close
      refute client.enabled?("new_ui", "user123", default: true), "the flags outlive the service"
      client.close
    ensure
      service&.close
    end
  end

  def test_threads_check_while_flags_change
    mock = Jackstaff::Mock.new("f" => true)
    stop = false
    checks = 0
    threads = Array.new(4) { |n| Thread.new { (mock.enabled?("f", "u#{n}"); mock.evaluate("f", "u"); checks += 1) until stop } }
    30.times { |n| mock.set("f" => n.even?) }
    within("checks") { checks > 200 }
    stop = true
    threads.each(&:join)
    refute mock.enabled?("f", "u")
  end

  def test_guide_flaw_01_and_02_a_disabled_flag_is_off_whatever_the_default
    remote(guide("new_ui" => OFF)) do |client, _|
      [true, false].each do |default|
        refute client.enabled?("new_ui", "u1", default: default)
        assert_equal default, client.enabled?("unknown", "u1", default: default)
      end
    end
    refute local.enabled?("dark_mode", "u1", default: true)
  end

  def test_guide_flaw_03_to_06_what_is_no_answer_is_the_default_and_is_not_kept
    remote(->(_) { [200, "{}"] }, **patient) do |client, service|
      ["{}", '{"enabled":null}', '{"enabled":"false"}', '{"enabled":1}', "[]", "<html>", ""].each do |body|
        service.answer = ->(_) { [200, body] }
        [true, false].each { |default| assert_equal default, client.enabled?("new_ui", "u1", default: default), body }
      end
      service.answer = guide("new_ui" => ON)
      assert client.enabled?("new_ui", "u1")
    end
  end

  def test_guide_flaw_10_to_12_a_batch_has_an_entry_for_each_name
    remote(->(_) { [503, "{}"] }, **patient, cache_ttl: 0) do |client, service|
      assert_equal({ "a" => true, "b" => true }, client.batch_evaluate(%w[a b], "u1", default: true))
      service.answer = guide("a" => OFF)
      assert_equal({ "a" => false, "b" => true }, client.batch_evaluate(%w[a b], "u1", default: true))
    end
  end

  def test_guide_flaw_13_and_15_the_user_is_in_the_body_and_never_in_the_address
    remote(guide("a" => ON, "b" => ON)) do |client, service|
      client.batch_evaluate(%w[a b], "u&environment=production")
      assert_equal [["u&environment=production", "test"]], service.requests.map { |asked| asked.question.values_at("user_id", "environment") }
      refute_includes service.requests.first.address, "production"
    end
  end

  def test_guide_flaw_34_answers_are_kept_in_the_process
    remote(guide("new_ui" => ON)) do |client, service|
      20.times { assert client.enabled?("new_ui", "u1") }
      assert_equal 1, service.asked.size
    end
  end

  def test_guide_flaw_37_a_service_that_hangs_costs_one_deadline
    remote(->(_) { sleep 20 }, timeout: 0.3) do |client, _|
      begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      ticks = 0
      ticker = Thread.new { loop { ticks += 1; sleep 0.01 } }
      assert client.enabled?("a", "u1", default: true)
      ticker.kill
      assert_includes 0.29..10.0, Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
      assert_operator ticks, :>, 3, "other threads go on while one waits"
    end
  end

  def test_guide_flaw_42_an_outage_does_not_look_like_flags_that_are_off
    remote(->(_) { [503, "down"] }, **patient) do |client, _|
      found = client.evaluate("new_ui", "u1", default: false)
      assert_equal %i[error default], [found.reason, found.origin]
      assert_equal "stale", client.stats["status"]
    end
  end

  def test_guide_flaw_52_and_65_no_environment_or_no_address_is_an_error
    assert_includes assert_raises(Jackstaff::FeatureFlagsError::InvalidArgument) { Jackstaff::Client.new("http://x") }.message, "environment is not set"
    assert_includes assert_raises(Jackstaff::FeatureFlagsError::InvalidArgument) { Jackstaff::Client.new(nil, "test") }.message, "config_service_url is not set"
  end

  def test_guide_flaw_54_what_is_shown_is_not_the_user
    refute_includes Jackstaff::Who.new("somebody@example.org").inspect, "somebody"
  end

  def test_guide_flaw_58_a_forked_child_answers_and_follows
    skip "there is no fork here" unless Process.respond_to?(:fork)
    remote(guide("new_ui" => ON)) do |client, _|
      assert client.enabled?("new_ui", "u1")
      child = fork do
        exit!(client.enabled?("new_ui", "u2") ? 0 : 1)
      end
      assert_equal 0, Process.wait2(child)[1].exitstatus
      assert client.enabled?("new_ui", "u3")
    end
  end

  def test_a_forked_child_hears_of_changes
    skip "there is no fork here" unless Process.respond_to?(:fork)
    skip "#{Service.binary} has not been built: make service" unless File.exist?(Service.binary)
    Dir.mktmpdir do |data|
      service = Service.new(data)
      client = Jackstaff::Client.new(service.url, "production").ready(20)
      heard = Queue.new
      client.on_change { |change| heard << change }
      child = fork do
        within("a change in the child") { !heard.empty? }
        client.ready(20)
        exit!(0)
      ensure
        exit!(1)
      end
      on = true
      within("the child has heard") do
        service.patch("new_ui", { enabled: on = !on })
        sleep 0.1
        Process.wait(child, Process::WNOHANG)
      end
      assert_equal 0, $?.exitstatus
      client.close
    ensure
      service&.close
    end
  end

  def test_guide_flaw_59_a_program_ends_with_its_client_open
    program = 'require "jackstaff"; c = Jackstaff::Client.new("http://127.0.0.1:9", "test").start; p c.enabled_now?("f", "u"); c.on_change { }'
    output, status = Open3.capture2("ruby", "-I", File.expand_path("../lib", __dir__), "-e", program)
    assert_equal ["false\n", true], [output, status.success?]
  end

  def test_guide_flaw_62_to_64_the_mock_is_the_real_client
    mock = Jackstaff::Mock.new(new_ui: { value: false, users: { u1: true } })
    assert_kind_of Jackstaff::Client, mock
    assert_equal({ "new_ui" => true, "other" => false }, mock.batch_evaluate(%w[new_ui other], "u1"))
    refute mock.enabled?("new_ui", "u2", default: true)
    assert_equal ["new_ui", "u1", true], mock.checks.first.then { |check| [check.flag, check.user, check.enabled] }
  end
end
