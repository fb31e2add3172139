# The same outcomes are asserted in tests/experiments.
add_output_test(kernel_versions PROGRAM kernel_versions EXPECTED kernel_versions/expected/kernel_versions.txt)
