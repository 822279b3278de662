module Jackstaff
  # The check itself: one call with plain pointers. What UniFFI writes takes ten times as long.
  module Door
    extend FFI::Library

    PENDING = 2 # only a wait could tell

    ffi_lib File.join(__dir__, "native", "libjackstaff_uniffi.#{FFI::Platform::LIBSUFFIX}")
    # Client, context, flag and its length, user and its length, default.
    attach_function :look, :jackstaff_door, %i[uint64 uint64 buffer_in uint32 buffer_in uint32 uint8], :uint32
  end
  private_constant :Door
end
