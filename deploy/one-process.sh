#!/bin/sh
# All of a small shop in one process: pages, Stripe's events, downloads and the worker. For a VPS with a proxy in front, and
# for platforms that start one command, say in PORT where it is to listen, and end it by SIGTERM:
#
#   STOREFRONT_HOST=0.0.0.0 deploy/one-process.sh
#
# Stripe is pointed at $APP_URL/api/webhooks/stripe. What it keeps is in DATABASE_URL and STORAGE_URL: on a platform whose
# disks do not last these are PostgreSQL and a bucket, and SECRET_KEY is set.
set -eu
cd "$(dirname "$0")/.."
export WORKER=embedded
exec streamlit run storefront/app.py \
  --server.port "${STOREFRONT_PORT:-${PORT:-8501}}" --server.address "${STOREFRONT_HOST:-127.0.0.1}"
