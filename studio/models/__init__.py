"""SQLModel tables, one family a file."""

from studio.models.accounts import Account, Clock, Session, SigninLink, Workspace
from studio.models.addresses import AddressChange
from studio.models.consent import Consent, ExperimentCount, UsageCount, UsageTotal
from studio.models.erasure import Erasure, ObjectRemoval
from studio.models.exports import Export
from studio.models.generations import Asset, Batch, BatchInput, Generation
from studio.models.identity import Agreement, Identity, Invitation
from studio.models.mail import Mail, MailOptin
from studio.models.money import Budget, LedgerEntry, LedgerHead, LedgerPseudonym
from studio.models.operations import ErrorEvent, ProviderBucket, RateCount, RateSalt, RequestLog
from studio.models.operators import AuditEntry, CheckResult
from studio.models.policies import PolicyDate, PolicyNotice, PolicyVersion
from studio.models.proofs import GuardCount, PrivacyRequest, ProofResult

__all__ = [
    "Account",
    "AddressChange",
    "Agreement",
    "Asset",
    "AuditEntry",
    "Batch",
    "BatchInput",
    "Budget",
    "CheckResult",
    "Clock",
    "Consent",
    "Erasure",
    "ErrorEvent",
    "ExperimentCount",
    "Export",
    "Generation",
    "GuardCount",
    "Identity",
    "Invitation",
    "LedgerEntry",
    "LedgerHead",
    "LedgerPseudonym",
    "Mail",
    "MailOptin",
    "ObjectRemoval",
    "PolicyDate",
    "PolicyNotice",
    "PolicyVersion",
    "PrivacyRequest",
    "ProofResult",
    "ProviderBucket",
    "RateCount",
    "RateSalt",
    "RequestLog",
    "Session",
    "SigninLink",
    "UsageCount",
    "UsageTotal",
    "Workspace",
]
