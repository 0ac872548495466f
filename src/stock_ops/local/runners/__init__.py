"""The steps of `up` and `down`, done."""
