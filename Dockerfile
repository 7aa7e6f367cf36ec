# echosearch with everything it needs; for docker-compose.yml. No secret is needed to build it, and none is in it.
# On a closed network, build with --build-arg PIP_INDEX_URL=... or --build-arg PIP_FIND_LINKS=... of your mirror.

FROM python:3.12-slim AS build
ARG PIP_INDEX_URL
ARG PIP_FIND_LINKS
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY echosearch echosearch
COPY ingest ingest
COPY trainer trainer
COPY migrations migrations
RUN python -m venv /opt/echosearch && /opt/echosearch/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.12-slim
COPY --from=build /opt/echosearch /opt/echosearch
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin echosearch \
    && install --directory --owner=echosearch --group=echosearch --mode=0700 /var/lib/echosearch
ENV PATH=/opt/echosearch/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HF_HUB_OFFLINE=1 \
    ECHOSEARCH_HOME=/var/lib/echosearch
USER 10001:10001
WORKDIR /tmp
VOLUME /var/lib/echosearch
ENTRYPOINT ["echosearch"]
CMD ["--help"]
