"""Where an epoch begins: its root, its validators, and whether this peer has a voice in it."""

import enum
from functools import partial

from consensus.certificate import Certificate
from consensus.root import Root
from consensus.validators import ValidatorSet
from consensus.voting import Voice
from ledger.crypto import Domain, SigningKey
from ledger.genesis import Genesis
from ledger.primitives import Code, Digest, Epoch, PublicKey
from ledger.store import EpochEnd, Store


class Silence(enum.Enum):
    """Why a validator does not vote in an epoch."""

    KEY_MISSING = "key-missing"  # it does not hold the key that it has in this epoch
    KEY_BARRED = "key-barred"  # its journal was lost, or it met votes that are not in it
    STORE_OLD = "store-old"  # the store is older than the journal: silent until it has caught up


def find_silence(
    is_validator: bool, has_key: bool, is_barred: bool, is_behind: bool
) -> Silence | None:
    """What keeps a peer from voting that has a seat; None for nothing."""
    if not is_validator:
        return None
    if not has_key:
        return Silence.KEY_MISSING
    if is_barred:
        return Silence.KEY_BARRED
    return Silence.STORE_OLD if is_behind else None


def compute_epoch(store: Store) -> Epoch:
    """The epoch of the next block."""
    header = store.header
    return Epoch(header.epoch + 1 if header.is_last_of_epoch else header.epoch)


def find_root(store: Store, genesis: Genesis, epoch: Epoch) -> tuple[Root, ValidatorSet]:
    """View 0 of an epoch, and the epoch's validators."""
    if epoch == 0:
        return Root(store.genesis_block_hash), ValidatorSet(genesis.validators)
    end = store.get_epoch_end(epoch - 1)
    assert end is not None, "an epoch began whose forerunner did not end here"
    certificate = Certificate.decode(end.finalization)
    before = find_validators(store, genesis, epoch - 1)
    root = Root(_hash_at(store, end.height), certificate, before)
    return root, find_validators(store, genesis, epoch)


def find_validators(store: Store, genesis: Genesis, epoch: int) -> ValidatorSet:
    """The validators of an epoch that has begun here."""
    if epoch == 0:
        return ValidatorSet(genesis.validators)
    end = store.get_epoch_end(epoch - 1)
    assert end is not None
    return find_validators_after(end)


def find_validators_after(end: EpochEnd) -> ValidatorSet:
    """The validators of the epoch that follows one."""
    return ValidatorSet((Code(code), PublicKey(key)) for code, key in end.next_validators)


def find_voice(
    code: str, keys: tuple[SigningKey, ...], members: ValidatorSet, domain: Domain
) -> tuple[Voice, PublicKey] | None:
    """How this peer votes in a set, and with which key; None without a seat or its key."""
    index = members.find_index(Code(code))
    if index is None:
        return None
    for key in keys:
        if key.public == members.keys[index]:
            return Voice(index, partial(domain.sign, key)), key.public
    return None


def _hash_at(store: Store, height: int) -> Digest:
    stored = store.get_header_hash(height)
    assert stored is not None
    return stored
