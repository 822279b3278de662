package dev.jackstaff

/** The types of flags, as a caller asks for them, and how a value of each is read, or its text. The core has checked the type already, without loss. */
internal class Kind<T>(val wanted: FlagType, val parse: (String) -> T = { error("of any type") }, val read: (NativeValue) -> T) {
    companion object {
        val BOOLEAN = Kind(FlagType.BOOLEAN) { it is NativeValue.Bool && it.value }
        val STRING = Kind(FlagType.STRING, { it }) { (it as NativeValue.Text).value }
        val LONG = Kind(FlagType.INTEGER, { it.toLongOrNull() ?: it.toDouble().toLong() }) { (plain(it) as Number).toLong() }
        val DOUBLE = Kind(FlagType.DOUBLE, { it.toDouble() }) { (plain(it) as Number).toDouble() }
        val OBJECT = Kind<Any?>(FlagType.JSON) { plain(it) }
        val ANY = of(FlagType.ANY)

        /** A type whose values come as they are. A number is what it was asked as. */
        fun of(type: FlagType): Kind<Any?> = when (type) {
            FlagType.INTEGER -> Kind(type, read = LONG.read)
            FlagType.DOUBLE -> Kind(type, read = DOUBLE.read)
            else -> Kind(type, read = ::plain)
        }
    }
}
