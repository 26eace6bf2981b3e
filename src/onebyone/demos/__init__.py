"""The demonstrations that `onebyone demo` runs."""
