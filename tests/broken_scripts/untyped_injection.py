from tigrest import Handler, inject


class Broken(Handler):
    regex = "/untyped_injection"
    users = inject()

    def exec_get(self):
        return {}
