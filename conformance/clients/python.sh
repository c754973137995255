#!/usr/bin/env bash
# The two Python clients, unmodified, from the package index: PyKCS11 makes a token, python-pkcs11 uses it from a
# second process.
#
#   CLAVIGER_MODULE   the library [default: the debug build]
#
# apt: python3 python3-venv
#
# Prints "N passed, M failed" at the end; the exit status is 0 when nothing failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
module=$(realpath -m "${CLAVIGER_MODULE:-$here/../../target/debug/libclaviger_pkcs11.so}")
if [ ! -e "$module" ]; then
  echo "$module is not there: run \`cargo build -p claviger-pkcs11\`, or set CLAVIGER_MODULE." >&2
  exit 1
fi
if ! command -v python3 >/dev/null; then
  echo "python3 is not installed." >&2
  exit 1
fi

venv=$here/../../target/clients-python
if [ ! -x "$venv/bin/python" ]; then python3 -m venv "$venv"; fi
"$venv/bin/pip" install --quiet --disable-pip-version-check PyKCS11==1.5.20 python-pkcs11==0.10.1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CLAVIGER_TOKEN_DATA=$work/token-data
mkdir "$work/tokens"
printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$work/tokens" >"$work/softhsm2.conf"
export SOFTHSM2_CONF=$work/softhsm2.conf

passed=0 failed=0
for flow in pykcs11_flow python_pkcs11_flow; do
  if "$venv/bin/python" "$here/python/$flow.py" "$module"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED  $flow"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
