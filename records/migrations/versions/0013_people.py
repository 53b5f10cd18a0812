"""People with passwords of their own, and logins that end with them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("people", sa.Column("password_hash", sa.Text))
    op.add_column(
        "people", sa.Column("security_stamp", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()"))
    )
    op.create_check_constraint(
        op.f("ck_people_login_form"), "people", "length(login) BETWEEN 1 AND 320 AND login <> 'admin'"
    )
    op.create_check_constraint(op.f("ck_people_password_hash_form"), "people", "password_hash LIKE 'scrypt$%'")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_people_password_hash_form"), "people")
    op.drop_constraint(op.f("ck_people_login_form"), "people")
    op.drop_column("people", "security_stamp")
    op.drop_column("people", "password_hash")
