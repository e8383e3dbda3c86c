"""Citizens: one profile joins calls, WeChat and web (B16). Personal fields are encrypted, found by keyed hash."""
