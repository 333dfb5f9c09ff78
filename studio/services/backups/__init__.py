"""Backups: database and objects, encrypted before they leave, expiring by time, restored into an empty place.

What lies in the backup place, all under names that say nothing:

- `d/…` the content of one object, encrypted; its name is a keyed hash, so the next backup sees what is there already;
- `s/<id>.dump` the database; `.manifest` what belongs to the snapshot, both encrypted;
- `s/<id>.names` the names of its `d/…`, in the clear, so that what nobody names any more can be removed without a key;
- `s/<id>.index` id, time, size and expiry, in the clear. Written last and removed first: with it, a snapshot exists.
"""
