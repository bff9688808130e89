"""The books, proved from the tables alone."""

from evertill.audit.auditor import Auditor
from evertill.audit.model import Anomaly, Kind, Report
from evertill.audit.proving import NotAuditable, audit, audit_at

__all__ = ["Anomaly", "Auditor", "Kind", "NotAuditable", "Report", "audit", "audit_at"]
