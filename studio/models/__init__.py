"""SQLModel tables, one family a file."""

from studio.models.accounts import Account, Clock, Session, SigninLink, Workspace
from studio.models.addresses import AddressChange
from studio.models.backups import Backup
from studio.models.composer import Draft, Preset
from studio.models.consent import Consent, ExperimentCount, UsageCount, UsageTotal
from studio.models.erasure import Erasure, ObjectRemoval, ProviderRemoval
from studio.models.exports import Export
from studio.models.generations import Asset, Batch, BatchInput, Generation
from studio.models.identity import Agreement, Identity, Invitation
from studio.models.library import AssetLabel, Label, SavedView, Selection
from studio.models.mail import Mail, MailOptin
from studio.models.money import Budget, LedgerEntry, LedgerHead, LedgerPseudonym
from studio.models.operations import ErrorEvent, ProviderBucket, RateCount, RateSalt, RequestLog
from studio.models.operators import AuditEntry, CheckResult, WorkPause
from studio.models.policies import PolicyDate, PolicyNotice, PolicyVersion
from studio.models.proofs import GuardCount, PrivacyRequest, ProofResult
from studio.models.retention import ErrorTotal, LedgerCheckpoint, LedgerTotal, RequestTotal, RetentionRun

__all__ = [
    "Account",
    "AddressChange",
    "Agreement",
    "Asset",
    "AssetLabel",
    "AuditEntry",
    "Backup",
    "Batch",
    "BatchInput",
    "Budget",
    "CheckResult",
    "Clock",
    "Consent",
    "Draft",
    "Erasure",
    "ErrorEvent",
    "ErrorTotal",
    "ExperimentCount",
    "Export",
    "Generation",
    "GuardCount",
    "Identity",
    "Invitation",
    "Label",
    "LedgerCheckpoint",
    "LedgerEntry",
    "LedgerHead",
    "LedgerPseudonym",
    "LedgerTotal",
    "Mail",
    "MailOptin",
    "ObjectRemoval",
    "PolicyDate",
    "PolicyNotice",
    "PolicyVersion",
    "Preset",
    "PrivacyRequest",
    "ProofResult",
    "ProviderBucket",
    "ProviderRemoval",
    "RateCount",
    "RateSalt",
    "RequestLog",
    "RequestTotal",
    "RetentionRun",
    "SavedView",
    "Selection",
    "Session",
    "SigninLink",
    "UsageCount",
    "UsageTotal",
    "WorkPause",
    "Workspace",
]
