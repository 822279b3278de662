require "date"

module Jackstaff
  # Values on their way in and out.
  module Values
    module_function

    # A Ruby value as the core takes it; +name+ is for the message.
    def native(value, name)
      case value
      when nil then Value::NULL.new
      when true, false then Value::BOOL.new(value: value)
      when Integer then value.bit_length < 64 ? Value::INT.new(value: value) : Value::DOUBLE.new(value: value.to_f)
      when Numeric then Value::DOUBLE.new(value: value.to_f)
      when String then Value::TEXT.new(value: text(value))
      when Symbol then Value::TEXT.new(value: value.to_s)
      when Time, DateTime then Value::TEXT.new(value: value.strftime("%Y-%m-%dT%H:%M:%S.%6N%:z"))
      when Date then Value::TEXT.new(value: value.iso8601)
      when Array then Value::ITEMS.new(values: value.map { |item| native(item, name) })
      when Hash then Value::OBJECT.new(entries: natives(value))
      else raise FeatureFlagsError::InvalidArgument, "\"#{name}\" is a #{value.class}: it has to be text, a number, a boolean, a date, or a list or hash of these"
      end
    end

    def natives(hash)
      hash.to_h { |name, value| [text(name.to_s), native(value, name)] }
    end

    # A value of the core's: nil, true, false, an Integer, Float, String, Array or Hash.
    def plain(value)
      case value
      when Value::NULL then nil
      when Value::ITEMS then value.values.map { |item| plain(item) }
      when Value::OBJECT then value.entries.transform_values { |item| plain(item) }
      else value.value
      end
    end

    # UTF-8, whatever it was; what cannot be read becomes U+FFFD, since a check has to have an answer.
    def text(string)
      return string if (string.encoding == Encoding::UTF_8 || string.encoding == Encoding::US_ASCII) && string.valid_encoding?

      string.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end
  end
  private_constant :Values
end
