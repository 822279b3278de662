require "minitest/autorun"
require "json"
require "jackstaff"
require "net/http"
require "open3"
require "socket"
require "tmpdir"

ROOT = File.expand_path("../../..", __dir__)

DOCUMENT = <<~JSON.freeze
  {"environments": ["test"], "flags": {
    "new_ui": {"type": "boolean", "fallthrough": "on"},
    "dark_mode": {"type": "boolean", "enabled": false, "fallthrough": "on"},
    "beta": {"type": "boolean", "fallthrough": "off", "rules": [{"name": "pros", "when": {"attribute": "plan", "equals": "pro"}, "serve": "on"}]},
    "theme": {"type": "string", "variants": {"light": "light", "dark": "dark"}, "fallthrough": "dark"},
    "limit": {"type": "integer", "variants": {"few": 20}, "fallthrough": "few"},
    "ratio": {"type": "double", "variants": {"half": 0.5}, "fallthrough": "half"},
    "layout": {"type": "json", "variants": {"grid": {"columns": 3, "names": ["a", "b"]}}, "fallthrough": "grid"}
  }}
JSON

# Waits for something that happens soon, however slow the machine.
def within(what)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 20
  until yield
    raise "not within 20 s: #{what}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

    sleep 0.005
  end
end

# A service that answers as a test wants, and keeps what it was asked. It speaks as much HTTP as the client needs.
class Fake
  Asked = Struct.new(:address, :key, :body) do
    def question = JSON.parse(body)
  end

  attr_accessor :answer
  attr_reader :asked, :url

  def initialize(&answer)
    @answer, @asked = answer, Queue.new
    @server = TCPServer.new("127.0.0.1", 0)
    @url = "http://127.0.0.1:#{@server.addr[1]}"
    @thread = Thread.new { loop { Thread.new(@server.accept) { |socket| serve(socket) } } }
    @thread.report_on_exception = false
  end

  def close
    @thread.kill
    @server.close
  end

  def requests = Array.new(@asked.size) { @asked.pop.tap { |one| @asked << one } }

  private

  def serve(socket)
    address = socket.gets.to_s.split[1]
    head = {}
    while (line = socket.gets&.chomp) && !line.empty?
      name, value = line.split(": ", 2)
      head[name.downcase] = value
    end
    asked = Asked.new(address, head["authorization"], socket.read(head["content-length"].to_i).to_s)
    @asked << asked
    status, body = answer.call(asked)
    return unless status

    socket.write("HTTP/1.1 #{status} x\r\nContent-Type: application/json\r\nContent-Length: #{body.bytesize}\r\nConnection: close\r\n\r\n#{body}")
  ensure
    socket.close
  end
end

# Answers as the guide's two endpoints do; answers are JSON objects by flag.
def guide(answers = {})
  lambda do |asked|
    next [404, "{}"] unless asked.address.start_with?("/api/v1/feature-flags/evaluate")
    next [200, asked.question["flag_names"].to_h { |name| [name, answers[name]] }.compact.to_json] if asked.address.include?("/batch")

    answers.key?(asked.question["flag_name"]) ? [200, answers[asked.question["flag_name"]].to_json] : [404, "{}"]
  end
end

# The real config service with the flags of the example.
class Service
  attr_reader :url

  def self.binary = ENV.fetch("JACKSTAFF_BIN", "#{ROOT}/target/release/jackstaff")

  def initialize(data)
    command = [Service.binary, "serve", "--listen", "127.0.0.1:0", "--data", data, "--flags", "#{ROOT}/examples/flags.yaml", "--json"]
    @input, @output, @process = Open3.popen2(*command, err: File::NULL)
    @url = JSON.parse(@output.gets)["url"]
  end

  # Changes a flag as it is now, and says which version of production has the change.
  def patch(flag, patch)
    uri = URI("#{@url}/api/v1/flags/#{flag}")
    tag = Net::HTTP.get_response(uri)["ETag"]
    request = Net::HTTP::Patch.new(uri, "Content-Type" => "application/json", "If-Match" => tag)
    request.body = patch.to_json
    response = Net::HTTP.start(uri.host, uri.port) { |http| http.request(request) }
    raise response.body unless response.code == "200"

    JSON.parse(response.body)["environments"]["production"]["version"]
  end

  def close
    Process.kill(:KILL, @process.pid)
    @process.value
  rescue Errno::ESRCH
    nil
  end
end
