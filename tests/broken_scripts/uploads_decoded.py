from tigrest import Handler


class Store(Handler):
    regex = "/store"
    takesUploads = True

    def exec_post(self, content):
        return "stored"
