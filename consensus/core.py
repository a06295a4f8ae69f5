"""Simplex BFT as a pure state machine: event in, actions out."""

from dataclasses import dataclass

from consensus.action import Action
from consensus.certificate import Certificate
from consensus.event import Event
from consensus.journal import Journal
from consensus.settings import Settings
from consensus.validators import ValidatorSet
from consensus.vote import IsValid, Sign
from ledger.primitives import Digest, Epoch, View
