"""A library of many outputs, written as rows: mixed ratios, three years of days, ratings, labels, prompts of words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

import psycopg

from studio.db import role_options

SIZES = ((2048, 2048), (2304, 1728), (2496, 1664), (2560, 1440), (1728, 2304), (1664, 2496), (1440, 2560), (3024, 1296))
A_BATCH = 4
DAYS = 1_095

BATCHES = """
INSERT INTO batches (id, account_id, workspace_id, kind, model, prompt, params, created_at)
SELECT md5('b' || n || %(account)s)::uuid, %(account)s::uuid, w.id, CASE WHEN n %% 12 = 0 THEN 'video' ELSE 'image' END,
  (ARRAY['seedream-4-5-251128', 'seedream-4-0-250828', 'dreamina-seedance-2-0-fast-260128'])
    [CASE WHEN n %% 12 = 0 THEN 3 ELSE 1 + n %% 2 END],
  format('%%s %%s %%s, %%s, number %%s',
    (ARRAY['a quiet','a wide','a small','an old','a glass','a paper','a wooden','a bright'])[1 + n %% 8],
    (ARRAY['lake','harbour','lantern','orchard','bridge','dahlia','teapot','fox','mountain','city','garden','kite',
      'library','window','river','violin'])[1 + (n / 3) %% 16],
    (ARRAY['at dawn','in rain','under snow','by night','in autumn','after a storm'])[1 + (n / 7) %% 6],
    (ARRAY['soft light','film grain','macro lens','long exposure','watercolour','studio light'])[1 + (n / 11) %% 6], n),
  '{}', studio_now() - make_interval(secs => (n::float8 / %(batches)s) * 86400 * %(days)s)
FROM generate_series(1, %(batches)s) n,
  LATERAL (SELECT id FROM workspaces WHERE account_id = %(account)s ORDER BY created_at LIMIT 1) w
"""
GENERATIONS = """
INSERT INTO generations (id, account_id, batch_id, position, kind, model, state, month, reserved_micros,
  charged_micros, attempt_id, created_at, submitted_at, ended_at)
SELECT md5(b.id::text || p)::uuid, b.account_id, b.id, p, b.kind, b.model, 'succeeded',
  date_trunc('month', b.created_at)::date, 40000, 40000, md5('a' || b.id::text || p)::uuid,
  b.created_at, b.created_at, b.created_at
FROM batches b, generate_series(1, %(each)s) p WHERE b.account_id = %(account)s
"""
ASSETS = """
INSERT INTO assets (id, account_id, workspace_id, generation_id, kind, mime, object_key, size_bytes, sha256, crc32,
  width, height, duration_ms, thumbnails, created_at, batch_id, model, cost_micros, rating)
SELECT g.id, g.account_id, b.workspace_id, g.id, g.kind,
  CASE g.kind WHEN 'video' THEN 'video/mp4' ELSE 'image/webp' END,
  'o/' || left(g.id::text, 2) || '/' || replace(g.id::text, '-', ''), 1, repeat('a', 64), 1,
  (s.value->>'width')::int, (s.value->>'height')::int, CASE g.kind WHEN 'video' THEN 5000 END,
  s.value->'thumbnails', g.created_at + make_interval(secs => g.position), b.id, g.model, 40000 + (g.position * 1000),
  CASE WHEN h %% 3 = 0 THEN 1 + h %% 5 END
FROM generations g JOIN batches b ON b.id = g.batch_id,
  LATERAL (SELECT abs(hashtext(g.id::text)) AS h) r, LATERAL (SELECT %(objects)s::jsonb -> (r.h %% %(kinds)s)) s(value)
WHERE g.account_id = %(account)s
"""
LABELS = """
INSERT INTO labels (id, account_id, name, color)
  SELECT md5('l' || n || %(account)s)::uuid, %(account)s::uuid, 'Label ' || n, 'teal' FROM generate_series(1, 6) n
"""
LABELLED = """
INSERT INTO asset_labels (asset_id, label_id, account_id)
  SELECT a.id, md5('l' || 1 + abs(hashtext(a.id::text)) %% 6 || %(account)s)::uuid, a.account_id
  FROM assets a WHERE a.account_id = %(account)s::uuid AND abs(hashtext(a.id::text)) %% 7 = 0
"""


def fill(url: str, account_id: UUID, amount: int, objects: Sequence[Mapping[str, object]]) -> None:
    """Give an account `amount` outputs. `objects`: size and thumbnails of what they look like, in turn."""
    known = objects or [{"width": width, "height": height, "thumbnails": {"512": "t/00/0"}} for width, height in SIZES]
    values = {
        "account": str(account_id),
        "batches": amount // A_BATCH,
        "each": A_BATCH,
        "days": DAYS,
        "objects": json.dumps(known),
        "kinds": len(known),
    }
    with psycopg.connect(url, options=role_options("sys"), autocommit=True) as connection:
        for statement in (BATCHES, GENERATIONS, ASSETS, LABELS, LABELLED):
            connection.execute(statement, values)  # type: ignore[arg-type]  # our own statements
    with psycopg.connect(url, autocommit=True) as owner:
        for table in ("batches", "generations", "assets", "asset_labels"):
            owner.execute(f"VACUUM (ANALYZE) {table}")  # type: ignore[arg-type]  # a constant
