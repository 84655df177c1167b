"""Upload files to the HTTP storage that the XMPP server offers. XEP-0363"""

from tigrest.service.uploads.storage import Storage, StorageLimits
from tigrest.service.uploads.uploads import TakesFiles, UploadLimits, Uploads

__all__ = ["Storage", "StorageLimits", "TakesFiles", "UploadLimits", "Uploads"]
