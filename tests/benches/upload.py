"""Uploads files as the stores' own libraries do. Usage: upload.py seaweed|azurite ADDRESS BUCKET TRANSFERS LIST. The bucket is made."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

STORE, ADDRESS, BUCKET, TRANSFERS, LIST = sys.argv[1:6]
files = open(LIST).read().split()

if STORE == "seaweed":
    import boto3

    client = boto3.client("s3", endpoint_url=ADDRESS)
    client.create_bucket(Bucket=BUCKET)

    def put(path):
        client.upload_file(path, BUCKET, os.path.basename(path))
else:
    from azure.storage.blob import BlobServiceClient

    account = {"account_name": "devstoreaccount1", "account_key": os.environ["AZURE_STORAGE_KEY"]}
    container = BlobServiceClient(f"{ADDRESS}/devstoreaccount1", credential=account).create_container(BUCKET)

    def put(path):
        with open(path, "rb") as file:
            container.upload_blob(os.path.basename(path), file)


with ThreadPoolExecutor(int(TRANSFERS)) as pool:
    list(pool.map(put, files))
