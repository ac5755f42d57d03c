"""Makes the certificates of the local Kafka: a CA of the stack's own, and what it signs, by the library trustme.

Each name has `<name>.pem`, its certificate, and `<name>.key`, its key in PKCS#8, which Java needs. A broker's store is
one file with both. Nobody but the stack's user may read any of them.
"""

import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from clients.files import make_private_folder, write_whole
from deploy.local.environment import Environment
from deploy.local.kafka_layout import (
    BOOTSTRAP,
    BROKER,
    BROKER_STORE,
    TOKEN_SERVER_CERTIFICATE,
    TOKEN_SIGNER,
    ca_file,
    certificate_files,
    principal_of,
    tls_folder,
)
from deploy.local.ports import LOOPBACK
from sma.settings.kafka_parts import KAFKA_PARTS

_SIGNER_BITS = 2048


def make_certificates(environment: Environment) -> None:
    """Make the CA, the brokers' certificate, one for each part and for the OAuth server, and the key of its tokens.

    What is there is kept: the certificates of a CA are made with it, so a folder with a CA is complete.
    """
    state_dir = environment.state_dir
    if ca_file(state_dir).exists():
        return
    make_private_folder(tls_folder(state_dir))
    authority = trustme.CA(organization_name="sma, the local stack")
    brokers = authority.issue_cert("localhost", LOOPBACK, common_name=BROKER)
    _write(environment, BROKER, brokers)
    store = _pkcs8(brokers.private_key_pem.bytes()) + _chain(brokers)
    write_whole(tls_folder(state_dir) / BROKER_STORE, store, mode=0o600)
    _write(environment, TOKEN_SERVER_CERTIFICATE, authority.issue_cert("localhost", LOOPBACK))
    for name in (BOOTSTRAP, *map(principal_of, KAFKA_PARTS)):
        # Java refuses a certificate without any alternative name; Kafka reads the common one
        _write(environment, name, authority.issue_cert(name.replace("_", "-"), common_name=name))
    signer = rsa.generate_private_key(public_exponent=65_537, key_size=_SIGNER_BITS)
    _, key = certificate_files(state_dir, TOKEN_SIGNER)
    write_whole(key, signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), mode=0o600)
    write_whole(ca_file(state_dir), authority.cert_pem.bytes().decode(), mode=0o600)


def _write(environment: Environment, name: str, signed: trustme.LeafCert) -> None:
    certificate, key = certificate_files(environment.state_dir, name)
    write_whole(certificate, _chain(signed), mode=0o600)
    write_whole(key, _pkcs8(signed.private_key_pem.bytes()), mode=0o600)


def _chain(signed: trustme.LeafCert) -> str:
    return "".join(each.bytes().decode() for each in signed.cert_chain_pems)


def _pkcs8(pem: bytes) -> str:
    return load_pem_private_key(pem, None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
