# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# The stages, in the order of a full run. Each may be run alone: ./check --only STAGE.

STAGES=(format rules gcc clang tidy unit tsan release fuzz integration bench quickstart prove)
FAST_STAGES=(format rules gcc unit_fast)
# A cold cache has no Kubernetes parts yet: then quick start goes first, because its own build of them is to be shown.
if ! compgen -G "$CP_CACHE/bin/kall-*" >/dev/null; then
  STAGES=(format rules gcc clang tidy unit tsan release fuzz quickstart integration bench prove)
fi

export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:abort_on_error=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-14
export CTEST_OUTPUT_ON_FAILURE=1

sources() { git ls-files -co --exclude-standard -- "$@" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done; }

# build PRESET [TARGET...]
build() {
  [ -f "build/$1/build.ninja" ] || cmake --preset "$1"
  ninja -k 0 -C "build/$1" "${@:2}"
}

# unit_tests STAGE PRESET [CTEST-OPTION...]
unit_tests() {
  local junit=$OUT/$1.xml rc=0
  rm -f "$junit"
  ctest --test-dir "build/$2" -j"$JOBS" --no-tests=error --timeout 120 --output-junit "$junit" "${@:3}" || rc=$?
  "$VENV/bin/python" tests/check/results.py "$1" "$junit"
  return $rc
}

stage_format() { sources '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror; }

stage_rules() {
  local rc=0
  "$VENV/bin/python" tests/check/rules.py || rc=1
  if "$VENV/bin/python" tests/check/openapi.py openapi/portal.yaml; then result rules openapi pass; else result rules openapi fail; rc=1; fi
  sources check .ci/run quickstart '*.sh' | xargs shellcheck -x -S warning || { result rules shellcheck fail; rc=1; }
  return $rc
}

stage_gcc() { build dev; }
stage_clang() { build clang; }
stage_tidy() { build clang && "$VENV/bin/python" tests/check/tidy.py build/clang "$CP_CACHE/tidy"; }

stage_unit() { build asan && unit_tests unit asan -E '^fuzz_'; }
stage_unit_fast() { build dev && unit_tests unit_fast dev -LE slow; }
# Every unit test, under the thread sanitizer: which of them has threads is not for a list to know.
stage_tsan() { build tsan && unit_tests tsan tsan; }

stage_release() {
  [ -f build/release/build.ninja ] || cmake --preset release -DCP_TESTS=OFF
  ninja -C build/release
  tests/check/hardening.sh build/release/app/cp-portal
}

# Replays the corpus of every fuzz target (tests/fuzz/CMakeLists.txt registers one test each, fuzz_NAME_replay).
stage_fuzz() {
  [ -f tests/fuzz/CMakeLists.txt ] || { echo "no fuzz targets"; exit 77; }
  build asan && unit_tests fuzz asan -R '^fuzz_'
}

pytest_run() { # pytest_run STAGE [OPTION...]
  local junit=$OUT/$1.xml rc=0
  rm -f "$junit"
  CP_PORTAL_BIN=${CP_PORTAL_BIN:-$ROOT/build/asan/app/cp-portal} CP_TEST_DIR=$OUT/$1.d \
    "$VENV/bin/python" -m pytest -p no:cacheprovider -q -ra --durations=10 --junitxml="$junit" -c tests/integration/pytest.ini \
    tests/integration "${@:2}" || rc=$?
  "$VENV/bin/python" tests/check/results.py "$1" "$junit"
  return $rc
}

stage_integration() { build asan cp-portal && pytest_run integration; }

stage_bench() {
  [ -x tests/bench/run ] || { echo "no bench yet"; exit 77; }
  tests/bench/run --smoke
}

stage_quickstart() {
  need_root
  tests/check/quickstart_root.sh
}

stage_prove() {
  JOBS=$JOBS "$VENV/bin/python" tests/check/prove.py ${PROVE_ONLY:+"$PROVE_ONLY"}
}

# ./check --only NAME where NAME is no stage
stage_one_test() {
  build asan
  # not grep -q: it ends at the first match, and ctest would die of its closed pipe
  if ctest --test-dir build/asan -N -R "^$1\$" | grep '^ *Test *#' >/dev/null; then
    unit_tests one_test asan -R "^$1\$" -V
  else
    pytest_run one_test -k "$1"
  fi
}
