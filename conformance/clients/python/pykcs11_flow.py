"""PyKCS11: makes the token and leaves objects in it. Unmodified client, default users, plain PINs."""

import sys

import PyKCS11
from PyKCS11 import CKA_CLASS, CKA_ID, CKA_LABEL, CKA_TOKEN, CKO_DATA, CKO_PRIVATE_KEY, LowLevel

library = PyKCS11.PyKCS11Lib()
library.load(sys.argv[1])
slot = library.getSlotList(tokenPresent=True)[0]
# PyKCS11 hands the label on as it is; the standard wants it padded with blanks to 32 bytes.
library.initToken(slot, "12345678", "ci".ljust(32))
slot = next(s for s in library.getSlotList(tokenPresent=True) if library.getTokenInfo(s).label.strip() == "ci")

session = library.openSession(slot, PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION)
session.login("12345678", PyKCS11.CKU_SO)
session.initPin("1234")
session.logout()
session.login("1234")

public = [(CKA_TOKEN, True), (PyKCS11.CKA_MODULUS_BITS, 2048), (PyKCS11.CKA_PUBLIC_EXPONENT, (1, 0, 1)), (CKA_ID, (1,))]
private = [(CKA_TOKEN, True), (PyKCS11.CKA_SENSITIVE, True), (CKA_ID, (1,)), (CKA_LABEL, "from PyKCS11")]
public_key, private_key = session.generateKeyPair(public, private)
mechanism = PyKCS11.Mechanism(PyKCS11.CKM_SHA256_RSA_PKCS, None)
signature = bytes(session.sign(private_key, b"message", mechanism))
assert session.verify(public_key, b"message", signature, mechanism)
assert not session.verify(public_key, b"massage", signature, mechanism)

session.createObject([(CKA_CLASS, CKO_DATA), (CKA_TOKEN, True), (CKA_LABEL, "note"), (PyKCS11.CKA_VALUE, b"hello")])
assert len(session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_ID, (1,))])) == 1
value = session.getAttributeValue(private_key, [PyKCS11.CKA_PRIVATE_EXPONENT], True)
assert value == [None], "a private exponent was read"
session.logout()
assert session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY)]) == [], "a private key is seen without login"
session.closeSession()
assert isinstance(library.getInfo(), LowLevel.CK_INFO) or library.getInfo().cryptokiVersion[0] >= 2
print("PyKCS11: ok")
