"""python-pkcs11: uses the token that PyKCS11 made, from another process, with the client's own default templates."""

import hashlib
import sys

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

library = pkcs11.lib(sys.argv[1])
token = library.get_token(token_label="ci")

try:
    token.open(user_pin="9999")
except pkcs11.exceptions.PinIncorrect:
    pass
else:
    raise AssertionError("a wrong PIN opened the token")

with token.open(rw=True, user_pin="1234") as session:
    key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="from PyKCS11")
    assert len(key.sign(b"message", mechanism=Mechanism.SHA256_RSA_PKCS)) == 256
    notes = list(session.get_objects({Attribute.LABEL: "note"}))
    assert [note[Attribute.VALUE] for note in notes] == [b"hello"]

    aes = session.generate_key(KeyType.AES, 256, store=True, label="aes")
    iv = session.generate_random(128)
    sealed = aes.encrypt(b"a message of any length", mechanism_param=iv)
    assert aes.decrypt(sealed, mechanism_param=iv) == b"a message of any length"
    parts = [b"I" * 16, b"N" * 16]
    sealed = list(aes.encrypt(parts, mechanism_param=iv))
    assert b"".join(aes.decrypt(sealed, mechanism_param=iv)) == b"".join(parts)

    public, private = session.generate_keypair(KeyType.RSA, 2048)
    sealed = public.encrypt(b"secret")
    assert private.decrypt(sealed) == b"secret"

    curve = session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
    )
    public, private = curve.generate_keypair()
    digest = hashlib.sha256(b"message").digest()
    signature = private.sign(digest, mechanism=Mechanism.ECDSA)
    assert public.verify(digest, signature, mechanism=Mechanism.ECDSA)
    assert not public.verify(digest[::-1], signature, mechanism=Mechanism.ECDSA)
    assert encode_ec_public_key(public)

    for each in (*notes, aes):
        each.destroy()
    assert not list(session.get_objects({Attribute.LABEL: "aes"}))
print("python-pkcs11: ok")
