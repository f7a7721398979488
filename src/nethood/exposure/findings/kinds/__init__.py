"""The kinds of findings by subject: each module has the entries and, beside each, its rule."""
