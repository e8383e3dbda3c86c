"""Files of citizens and units: which kinds are taken, what is taken out of them, where they lie, who removes them.

`kinds` decides by content, `metadata` takes places and names of devices out of pictures and films, `names` cleans file
names, `store` is where bytes lie (disk, or S3 by `hotline.s3`), `service` keeps one file, `removal` deletes for good.
"""
