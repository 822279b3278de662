require "support"

# The vectors that every language runs.
class VectorsTest < Minitest::Test
  def test_vectors
    count = 0
    Dir["#{ROOT}/tests/vectors/*.json"].sort.each do |file|
      all = JSON.parse(File.read(file))
      client = Jackstaff::Client.from_document(JSON.generate(all["document"] || all["ruleset"]), environment: all["environment"])
      all["cases"].each do |one|
        run_case(client, one, "#{all['name']}: #{one['says']}")
        count += 1
      end
      client.close
    end
    puts "vectors: #{count} of #{count} passed in Ruby"
    assert_operator count, :>=, 150
  end

  private

  def run_case(client, one, says)
    flag, default, type = one["flag"], one["default"], (one["type"] || "any").to_sym
    who = Jackstaff::Who.new(one["context"]["user_id"], one["context"]["attributes"] || {})
    expect = { "rule" => nil, "error" => nil }.merge(one["expect"])
    found = client.evaluate(flag, who, default: default, type: type)
    got = { "value" => found.value, "enabled" => found.enabled, "variant" => found.variant, "reason" => found.reason.to_s, "rule" => found.rule, "error" => found.error }
    expect.each { |name, value| assert_same_json value, got[name], "#{says}: #{name}" }
    same = ->(value, what) { assert_same_json expect["value"], value, "#{says}: #{what}" }
    case type
    when :boolean
      on = default == true
      same.(client.enabled?(flag, who, default: on), "enabled?")
      same.(client.enabled_now?(flag, who, default: on), "enabled_now?")
      same.(client.batch_evaluate([flag], who, default: on)[flag], "batch_evaluate")
      same.(client.enabled?(flag, who.user, default: on), "by user") unless one["context"]["attributes"]
    when :string then same.(client.string(flag, who, default: default), "string") if default.is_a?(String)
    when :integer then same.(client.integer(flag, who, default: default), "integer") if default.is_a?(Numeric)
    when :double then same.(client.float(flag, who, default: default), "float") if default.is_a?(Numeric)
    when :json then same.(client.object(flag, who, default: default), "object")
    end
  end

  # Numbers are equal if they are the same number, as Ruby has it.
  def assert_same_json(want, got, says)
    want.nil? ? assert_nil(got, says) : assert_equal(want, got, says)
  end
end
