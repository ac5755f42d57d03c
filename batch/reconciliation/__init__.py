"""Stream against batch: comparing, classifying and accounting for days with a batch result, and the audit trail."""
