-- A task of many has a row among the tasks too, but waits for no node itself. Its sub-tasks are tasks of their own,
-- called ID.0 to ID.N-1.
CREATE TABLE arrays (
    task_id TEXT PRIMARY KEY REFERENCES tasks (id),
    count INTEGER NOT NULL,
    result_sha256 TEXT NOT NULL DEFAULT '',
    result_size INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
ALTER TABLE tasks ADD COLUMN array_id TEXT REFERENCES arrays (task_id);
ALTER TABLE tasks ADD COLUMN array_index INTEGER;
CREATE INDEX tasks_by_array ON tasks (array_id, array_index) WHERE array_id IS NOT NULL;

-- The execution report as JSON; empty before the attempt has ended.
ALTER TABLE attempts ADD COLUMN report TEXT NOT NULL DEFAULT '';
