module Jackstaff
  # Loaded before the generated code, which attaches the library's functions to this module.
  module UniFFILib
    # The functions that wait let other threads run meanwhile.
    def self.attach_function(name, *types, **options)
      options[:blocking] = true if name.end_with?("_blocking")
      super
    end
  end
end
