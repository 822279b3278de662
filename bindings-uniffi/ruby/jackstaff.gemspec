# The gem of one platform: `make bindings` puts the generated code and the library into lib/jackstaff/native.
Gem::Specification.new do |gem|
  gem.name = "jackstaff"
  gem.version = "0.1.0"
  gem.summary = "Feature flags that give the same answer in every language"
  gem.authors = ["Jackstaff"]
  gem.license = "Apache-2.0"
  gem.homepage = "https://github.com/jackstaff/jackstaff"
  gem.required_ruby_version = ">= 3.0"
  gem.platform = Gem::Platform.local
  gem.files = Dir["lib/**/*"] + ["README.md"]
  gem.add_dependency "ffi", "~> 1.15"
end
