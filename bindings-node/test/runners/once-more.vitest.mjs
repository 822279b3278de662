// The tests of again.vitest.mjs once more: another file is another worker, which the first may have left.
import './again.vitest.mjs';
