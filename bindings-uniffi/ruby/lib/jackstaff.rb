# Feature flags:
#
#   client = Jackstaff::Client.new("http://config-service:8082", "production")
#   client.enabled?("new_ui", "user123")
#
# Underneath is the core that every language shares. jackstaff/native/ is written by UniFFI from bindings-uniffi.

require_relative "jackstaff/waiting"
require_relative "jackstaff/native/jackstaff"
require_relative "jackstaff/door"
require_relative "jackstaff/values"
require_relative "jackstaff/answer"
require_relative "jackstaff/fork"
require_relative "jackstaff/client"
require_relative "jackstaff/mock"
