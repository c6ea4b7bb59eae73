"""DashScope's JSON in both directions, pure: requests are made of calls, answers become values or EditErrors.

`requests` encodes, `answers` decodes what `reading` has read, `verdicts` judges error codes. Where each parameter goes
is data (schemas/models.json), and so is what each code means (schemas/errors.json).
"""
