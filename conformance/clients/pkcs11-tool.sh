#!/usr/bin/env bash
# OpenSC's pkcs11-tool, unmodified, through the life of a token: made, filled, used, tested, emptied. What it signs is
# also checked by openssl, which shares no code with the token.
#
#   CLAVIGER_MODULE   the library [default: the debug build]
#
# apt: opensc openssl
#
# Prints a line for each check and "N passed, M failed" at the end; the exit status is 0 when nothing failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
module=${CLAVIGER_MODULE:-$here/../../target/debug/libclaviger_pkcs11.so}
for tool in pkcs11-tool openssl; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool is not installed: install the packages opensc and openssl." >&2
    exit 1
  fi
done
if [ ! -e "$module" ]; then
  echo "$module is not there: run \`cargo build -p claviger-pkcs11\`, or set CLAVIGER_MODULE." >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CLAVIGER_TOKEN_DATA=$work/token-data
mkdir "$work/tokens"
printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$work/tokens" >"$work/softhsm2.conf"
export SOFTHSM2_CONF=$work/softhsm2.conf
# Libraries other than Claviger may move a token to another slot.
case $module in
  *claviger*) token=(--slot 0) ;;
  *) token=(--token-label ci) ;;
esac

passed=0 failed=0
cd "$work"

pass() {
  passed=$((passed + 1))
  echo "ok      $1"
}

fail() {
  failed=$((failed + 1))
  echo "FAILED  $1"
  sed 's/^/        | /' "$work/said" | tail -n 15
}

# check NAME COMMAND...: passes when the command succeeds.
check() {
  local name=$1
  shift
  if "$@" >"$work/said" 2>&1; then pass "$name"; else fail "$name"; fi
}

# says NAME PATTERN COMMAND...: passes when the command succeeds and a line matches the pattern.
says() {
  local name=$1 pattern=$2
  shift 2
  if "$@" >"$work/said" 2>&1 && grep -qE -- "$pattern" "$work/said"; then pass "$name"; else fail "$name"; fi
}

# refuses NAME COMMAND...: passes when the command fails.
refuses() {
  local name=$1
  shift
  if "$@" >"$work/said" 2>&1; then fail "$name"; else pass "$name"; fi
}

tool() { pkcs11-tool --module "$module" "$@"; }
user() { tool "${token[@]}" --login --pin 1234 "$@"; }
help=$(pkcs11-tool --help 2>&1 || true)
lists() { grep -q -- "$1" <<<"$help"; }
offers() { grep -qw -- "$1" mechanisms; }

echo "== the token"
check "init-token" tool --init-token --slot 0 --label ci --so-pin 12345678
check "init-pin" tool "${token[@]}" --login --login-type so --so-pin 12345678 --init-pin --pin 1234
says "show-info" 'Cryptoki version' tool --show-info
says "list-slots" 'token label *: ci' tool --list-slots
says "list-token-slots" 'token label *: ci' tool --list-token-slots
says "list-mechanisms" 'RSA-PKCS-PSS, ' tool "${token[@]}" --list-mechanisms
cp said mechanisms
refuses "a wrong PIN is refused" tool "${token[@]}" --login --pin 9999 --list-objects
check "change-pin" tool "${token[@]}" --login --pin 1234 --change-pin --new-pin 567890
refuses "the old PIN is refused" user --list-objects
check "change-pin back" tool "${token[@]}" --login --pin 567890 --change-pin --new-pin 1234

echo "== keys"
check "keypairgen rsa:2048" user --keypairgen --key-type rsa:2048 --id 01 --label rsa
check "keypairgen EC:prime256v1" user --keypairgen --key-type EC:prime256v1 --id 02 --label ec
check "keypairgen EC:secp384r1" user --keypairgen --key-type EC:secp384r1 --id 03 --label ec384
check "keygen aes:32" user --keygen --key-type aes:32 --id 04 --label aes
check "keygen GENERIC:32" user --keygen --key-type GENERIC:32 --id 05 --label generic --usage-sign
says "list-objects shows the key pair" 'Private Key Object; RSA' user --list-objects
says "list-objects shows the secret key" 'Secret Key Object; AES' user --list-objects
says "list-objects without login shows the public key" 'Public Key Object; RSA' tool "${token[@]}" --list-objects
# Version 0.23 cannot write a P-384 key as DER, whatever the library.
for pair in 01:rsa 02:ec; do
  check "read-object pubkey ${pair#*:}" user --read-object --type pubkey --id "${pair%:*}" -o "${pair#*:}.der"
  check "openssl reads it" openssl pkey -pubin -inform DER -in "${pair#*:}.der" -out "${pair#*:}.pem"
done

echo "== signatures, checked by the token and by openssl"
head -c 1000 /dev/urandom >data
openssl dgst -sha256 -binary data >digest
{ printf '\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20'; cat digest; } >info

# sign_verify NAME ID INPUT OPTIONS...
sign_verify() {
  local name=$1 id=$2 input=$3
  shift 3
  check "sign $name" user --sign --id "$id" -i "$input" -o signature "$@"
  says "verify $name" 'Signature is valid' user --verify --id "$id" -i "$input" --signature-file signature "$@"
}

sign_verify RSA-PKCS 01 info -m RSA-PKCS
check "openssl verifies RSA-PKCS" openssl pkeyutl -verify -pubin -inkey rsa.pem -in digest -sigfile signature -pkeyopt digest:sha256
for bits in 256 384 512; do
  sign_verify "SHA$bits-RSA-PKCS" 01 data -m "SHA$bits-RSA-PKCS"
  check "openssl verifies it" openssl dgst "-sha$bits" -verify rsa.pem -signature signature data
done
sign_verify SHA256-RSA-PKCS-PSS 01 data -m SHA256-RSA-PKCS-PSS --salt-len 32
check "openssl verifies it" openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify rsa.pem -signature signature data
sign_verify RSA-PKCS-PSS 01 digest -m RSA-PKCS-PSS --hash-algorithm SHA256 --mgf MGF1-SHA256 --salt-len 32
sign_verify ECDSA 02 digest -m ECDSA --signature-format openssl
check "openssl verifies it" openssl pkeyutl -verify -pubin -inkey ec.pem -in digest -sigfile signature
if offers ECDSA-SHA256; then
  sign_verify "ECDSA-SHA384 with P-384" 03 data -m ECDSA-SHA384 --signature-format openssl
  sign_verify "ECDSA-SHA256 with P-256" 02 data -m ECDSA-SHA256 --signature-format openssl
  check "openssl verifies it" openssl dgst -sha256 -verify ec.pem -signature signature data
else
  echo "--      ECDSA-SHA256 is not offered"
fi
printf 'x' >>data
refuses "openssl refuses it for other data" openssl dgst -sha256 -verify ec.pem -signature signature data
sign_verify SHA256-HMAC 05 data -m SHA256-HMAC

echo "== encryption"
printf 'a secret of a few bytes' >plain
for padding in pkcs1 oaep; do
  if [ $padding = pkcs1 ]; then
    openssl pkeyutl -encrypt -pubin -inkey rsa.pem -in plain -out sealed
    options=(-m RSA-PKCS)
  else
    openssl pkeyutl -encrypt -pubin -inkey rsa.pem -in plain -out sealed -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1
    options=(-m RSA-PKCS-OAEP --hash-algorithm SHA-1 --mgf MGF1-SHA1)
  fi
  check "decrypt RSA $padding from openssl" user --decrypt --id 01 -i sealed -o opened "${options[@]}"
  check "it is the same" cmp plain opened
done
if lists '--encrypt'; then
  head -c 64 /dev/urandom >blocks
  iv=000102030405060708090a0b0c0d0e0f
  for mechanism in AES-CBC AES-CBC-PAD AES-ECB; do
    check "encrypt $mechanism" user --encrypt --id 04 -m "$mechanism" --iv "$iv" -i blocks -o sealed
    check "decrypt $mechanism" user --decrypt --id 04 -m "$mechanism" --iv "$iv" -i sealed -o opened
    check "it is the same" cmp blocks opened
  done
else
  echo "--      this pkcs11-tool has no --encrypt"
fi
if lists '--aad'; then
  check "encrypt AES-GCM" user --encrypt --id 04 -m AES-GCM --iv 000102030405060708090a0b --tag-bits-len 128 --aad 01 -i plain -o sealed
  check "decrypt AES-GCM" user --decrypt --id 04 -m AES-GCM --iv 000102030405060708090a0b --tag-bits-len 128 --aad 01 -i sealed -o opened
  check "it is the same" cmp plain opened
else
  echo "--      this pkcs11-tool has no AES-GCM"
fi
if offers ECDH1-DERIVE; then
  openssl ecparam -name prime256v1 -genkey -noout -out other.pem
  openssl pkey -in other.pem -pubout -outform DER -out other.der
  check "keypairgen for derive" user --keypairgen --key-type EC:prime256v1 --id 06 --label ecdh --usage-derive
  # The tool asks for a readable secret: rule R15 gives none of a protected key, plain PKCS#11 does.
  case $module in
    *claviger*)
      refuses "derive ECDH1-DERIVE in the clear is refused in enforce" user --derive -m ECDH1-DERIVE --id 06 -i other.der -o shared
      export CLAVIGER_TOKEN_DATA=$work/standard CLAVIGER_CONFIG=$work/standard.toml
      echo 'mode = "standard"' >"$CLAVIGER_CONFIG"
      check "init-token in standard" tool --init-token --slot 0 --label standard --so-pin 12345678
      check "init-pin in standard" tool --slot 0 --login --login-type so --so-pin 12345678 --init-pin --pin 1234
      check "keypairgen in standard" user --keypairgen --key-type EC:prime256v1 --id 06 --label ecdh --usage-derive
      ;;
  esac
  check "derive ECDH1-DERIVE" user --derive -m ECDH1-DERIVE --id 06 -i other.der -o shared
  check "read its public half" user --read-object --type pubkey --id 06 -o own.der
  openssl pkey -pubin -inform DER -in own.der -out own.pem 2>/dev/null || true
  openssl pkeyutl -derive -inkey other.pem -peerkey own.pem -out expected 2>/dev/null || true
  check "it is openssl's" cmp shared expected
  export CLAVIGER_TOKEN_DATA=$work/token-data
  unset CLAVIGER_CONFIG
else
  echo "--      ECDH1-DERIVE is not offered"
fi
says "hash SHA256" . tool "${token[@]}" --hash -m SHA256 -i data -o hashed
check "it is openssl's" cmp hashed <(openssl dgst -sha256 -binary data)
check "generate-random" tool "${token[@]}" --generate-random 32 -o random
check "it has 32 bytes" test "$(wc -c <random)" = 32

echo "== objects written, read and deleted"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=ci -days 1 2>/dev/null
openssl x509 -in cert.pem -outform DER -out cert.der
openssl pkey -in key.pem -outform DER -out key.der
openssl pkey -in key.pem -pubout -outform DER -out pub.der
check "write-object data" user --write-object data --type data --label note --application-label ci
check "read-object data" user --read-object --type data --label note --application-label ci -o back
check "it is the same" cmp data back
check "write-object cert" user --write-object cert.der --type cert --id 10 --label cert
check "read-object cert" tool "${token[@]}" --read-object --type cert --id 10 -o back
check "it is the same" cmp cert.der back
check "write-object pubkey" user --write-object pub.der --type pubkey --id 10 --label cert
check "read-object pubkey" user --read-object --type pubkey --id 10 -o back
check "it is the same" cmp pub.der back
check "write-object privkey" user --write-object key.der --type privkey --id 10 --label cert --usage-sign
check "the written key signs" user --sign --id 10 -m SHA256-RSA-PKCS -i data -o signature
check "openssl verifies it" openssl dgst -sha256 -verify <(openssl pkey -in key.pem -pubout) -signature signature data
head -c 32 /dev/urandom >secret
check "write-object secrkey" user --write-object secret --type secrkey --key-type AES:32 --id 11 --label imported
check "set-id" user --type secrkey --id 11 --set-id 12
for object in data:--label:note:--application-label:ci cert:--id:10 pubkey:--id:10 privkey:--id:10 secrkey:--id:12; do
  IFS=: read -r kind option value more application <<<"$object"
  check "delete-object $kind" user --delete-object --type "$kind" "$option" "$value" ${more:+"$more" "$application"}
done
refuses "the deleted certificate is gone" tool "${token[@]}" --read-object --type cert --id 10 -o back

echo "== its own test"
test_options=(--test)
if lists '--allow-sw'; then test_options+=(--allow-sw); fi
says "test --login" '^No errors$' user "${test_options[@]}"
if lists '--test-ec'; then
  says "test-ec" '==> OK' user --session-rw --test-ec --key-type EC:prime256v1 --id 20 --label test-ec
fi
if lists '--test-fork'; then check "test-fork" user --test-fork; fi
check "test-threads" user --use-locking --test-threads ILGTMS --test-threads ILGTMS

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
