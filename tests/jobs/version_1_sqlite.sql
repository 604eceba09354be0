CREATE TABLE kiln_schema ( version INTEGER NOT NULL )
;;
CREATE TABLE tenants ( tenant TEXT NOT NULL, budget_microdollars BIGINT, used_microdollars BIGINT NOT NULL, PRIMARY KEY (tenant) )
;;
CREATE TABLE quotas ( tenant TEXT NOT NULL, item TEXT NOT NULL, gpu_ms_a_day BIGINT NOT NULL, PRIMARY KEY (tenant, item) )
;;
CREATE TABLE executors ( id TEXT NOT NULL, version TEXT NOT NULL, beats BIGINT NOT NULL, beaten_ms BIGINT NOT NULL, PRIMARY KEY (id) )
;;
CREATE TABLE batches ( id TEXT NOT NULL, tenant TEXT NOT NULL, size INTEGER NOT NULL, created_ms BIGINT NOT NULL, PRIMARY KEY (id), FOREIGN KEY(tenant) REFERENCES tenants (tenant) )
;;
CREATE TABLE api_keys ( id TEXT NOT NULL, tenant TEXT NOT NULL, secret_sha256 TEXT NOT NULL, scopes TEXT NOT NULL, name TEXT NOT NULL, created_ms BIGINT NOT NULL, expires_ms BIGINT, revoked_ms BIGINT, PRIMARY KEY (id), FOREIGN KEY(tenant) REFERENCES tenants (tenant) )
;;
CREATE INDEX ix_api_keys_tenant ON api_keys (tenant)
;;
CREATE TABLE jobs ( number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, tenant TEXT NOT NULL, batch_id TEXT, request TEXT NOT NULL, request_hash TEXT NOT NULL, idempotency_key TEXT, webhook_url TEXT, priority INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, executor_id TEXT, stage TEXT NOT NULL, share FLOAT NOT NULL, results TEXT NOT NULL, failure_reason TEXT, failure_message TEXT, last_seq BIGINT NOT NULL, created_ms BIGINT NOT NULL, started_ms BIGINT, ended_ms BIGINT, UNIQUE (id), FOREIGN KEY(tenant) REFERENCES tenants (tenant), FOREIGN KEY(batch_id) REFERENCES batches (id) )
;;
CREATE INDEX jobs_of_a_state ON jobs (state, executor_id)
;;
CREATE INDEX ix_jobs_batch_id ON jobs (batch_id)
;;
CREATE INDEX jobs_of_a_tenant ON jobs (tenant, number)
;;
CREATE TABLE idempotency_keys ( tenant TEXT NOT NULL, "key" TEXT NOT NULL, job_id TEXT NOT NULL, request_hash TEXT NOT NULL, expires_ms BIGINT NOT NULL, PRIMARY KEY (tenant, "key"), FOREIGN KEY(job_id) REFERENCES jobs (id) )
;;
CREATE TABLE events ( job_id TEXT NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL, at_ms BIGINT NOT NULL, attempt INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (job_id, seq), FOREIGN KEY(job_id) REFERENCES jobs (id) )
;;
CREATE TABLE ledger ( number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, tenant TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL, microdollars BIGINT NOT NULL, gpu_ms BIGINT NOT NULL, day TEXT NOT NULL, at_ms BIGINT NOT NULL, UNIQUE (job_id, item, kind), FOREIGN KEY(job_id) REFERENCES jobs (id), FOREIGN KEY(tenant) REFERENCES tenants (tenant) )
;;
CREATE INDEX ledger_of_a_tenant ON ledger (tenant, day)
;;
CREATE UNIQUE INDEX ledger_closed_once ON ledger (job_id, item) WHERE kind <> 'hold'
;;
CREATE INDEX ledger_of_a_day ON ledger (item, day)
;;
CREATE TABLE webhooks ( number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, seq BIGINT NOT NULL, url TEXT NOT NULL, tries INTEGER NOT NULL, due_ms BIGINT, delivered_ms BIGINT, UNIQUE (job_id, seq), FOREIGN KEY(job_id) REFERENCES jobs (id) )
;;
CREATE INDEX webhooks_due ON webhooks (due_ms)
;;
CREATE TRIGGER events_no_UPDATE BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END
;;
CREATE TRIGGER events_no_DELETE BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END
;;
CREATE TRIGGER ledger_no_UPDATE BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END
;;
CREATE TRIGGER ledger_no_DELETE BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END
;;
INSERT INTO kiln_schema (version) VALUES (1)
