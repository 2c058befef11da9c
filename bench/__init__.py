"""The measurements of `aiots bench` and `aiots soak`: each against its goal, beside its peers, on real topics."""
